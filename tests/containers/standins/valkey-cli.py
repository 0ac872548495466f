#!/usr/bin/python3
"""Sends one command to the Valkey on loopback and prints the first line of the answer."""

import socket
import sys

with socket.create_connection(("127.0.0.1", 6379), timeout=4) as connection:
    connection.sendall(" ".join(sys.argv[1:]).encode() + b"\r\n")
    print(connection.recv(4096).decode().splitlines()[0])  # noqa: T201 - that is what it is for
