from trainer.conftest import home, one_thread, operator

__all__ = ["home", "one_thread", "operator"]
