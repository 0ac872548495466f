"""python -m stock_ops is the command stockops."""

from stock_ops.cli import main

main()
