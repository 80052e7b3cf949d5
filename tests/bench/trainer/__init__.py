"""What our trainer costs beside a bare PyTorch loop, and how long it takes to its first step: `make bench-trainer`."""
