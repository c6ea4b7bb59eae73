"""`python -m wanflow` is `wanflow`."""

from wanflow.cli import main

if __name__ == "__main__":
    main()
