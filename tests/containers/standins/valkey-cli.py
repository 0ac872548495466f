#!/usr/bin/python3
"""Sends its arguments, or each line of its input, to Valkey; prints the first line of each answer."""

import socket
import sys

lines = [" ".join(sys.argv[1:])] if sys.argv[1:] else sys.stdin.read().splitlines()
with socket.create_connection(("127.0.0.1", 6379), timeout=4) as connection:
    answers = connection.makefile("rb")
    for line in lines:
        connection.sendall(line.encode() + b"\r\n")
        print(answers.readline().decode().strip().removeprefix("+"))  # noqa: T201 - that is what it is for
