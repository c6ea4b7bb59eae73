"""`python -m wanflow.cli` is `wanflow`."""

from wanflow.cli import main

main()
