"""The page for people: what is served, how good it was, and a form to try it. It loads nothing from anywhere."""

import json
from html import escape
from string import Template
from typing import Any

from stepladder_trainer.serving.model import Served

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th { text-align: left; font-weight: normal; color: #666; padding-right: 1.5rem; }
textarea { width: 100%; box-sizing: border-box; font: 13px monospace; } pre { white-space: pre-wrap; }
</style></head><body>
<h1>$title</h1>
<table>$rows</table>
<h2>Try it</h2>
<form id="form">
<p><label for="input">One input, as JSON:</label><br>
<textarea id="input" rows="8">$example</textarea></p>
$file
<button>Predict</button>
</form>
<pre id="answer" aria-live="polite"></pre>
<script>
const field = name => document.getElementById(name);
if (field("file")) field("file").onchange = event => {
  const reader = new FileReader();
  reader.onload = () => { field("input").value = JSON.stringify(reader.result); };
  reader.readAsDataURL(event.target.files[0]);
};
field("form").onsubmit = async event => {
  event.preventDefault();
  try {
    const body = JSON.stringify({inputs: [JSON.parse(field("input").value)]});
    const answer = await fetch("predict", {method: "POST", headers: {"Content-Type": "application/json"}, body});
    field("answer").textContent = JSON.stringify(await answer.json(), null, 1);
  } catch (error) { field("answer").textContent = error; }
};
</script>
</body></html>
""")
_FILE = '<p><label>or an image file: <input type="file" id="file" accept="image/*"></label></p>'


def page(model: Served) -> str:
    """The page, whole; whatever comes from the checkpoint is escaped."""
    about = model.about
    rows = {
        "Task": about["task"],
        "Model": about["model"],
        "After step": about["step"],
        **{name: f"{value:.6g}" for name, value in about["metrics"].items()},
        **{f"parameter {name}": value for name, value in about["parameters"].items()},
        "Checkpoint": about["checkpoint"],
    }
    pictures = model.task.units.written is not None and not model.task.shape.vocabulary
    cells = ((escape(str(name)), escape(str(value))) for name, value in rows.items())
    return _PAGE.substitute(
        title=escape(about["trial"]),
        rows="".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in cells),
        example=escape(json.dumps(_example(model, pictures=pictures))),
        file=_FILE if pictures else "",
    )


def _example(model: Served, *, pictures: bool) -> Any:
    if model.task.units.example is not None:
        return model.task.units.example
    if pictures:
        return ""
    if model.task.units.tokens:
        return "".join(model.task.units.tokens[:1])
    return model.task.validation[0][0].tolist()
