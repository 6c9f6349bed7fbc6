#!/usr/bin/python3
"""Ask a web server that listens on a UNIX socket.

    load.py SOCKET FIRST COUNT [CLIENTS [PAUSE_MS]]

Requests /r/FIRST to
/r/FIRST+COUNT-1, each once, by CLIENTS (2) connections that stay open and
rest PAUSE_MS (0) after each; every tenth asks for what is not there.
"""

import http.client
import socket
import sys
import threading
import time


class Connection(http.client.HTTPConnection):
    def __init__(self, address):
        super().__init__("127.0.0.1", timeout=20)
        self.address = address

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.address)


def ask(address, numbers, pause_ms, failures):
    try:
        connection = Connection(address)
        for number in numbers:
            is_missing = number % 10 == 0
            path = f"/missing/{number}" if is_missing else f"/r/{number}"
            connection.request("GET", path, headers={"User-Agent": "load \"é\\"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != (404 if is_missing else 200):
                failures.append(f"{path}: {answer.status}")
            time.sleep(pause_ms / 1000)
        connection.close()
    except OSError as error:
        failures.append(f"{address}: {error}")


def main():
    address, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    clients = int(sys.argv[4]) if len(sys.argv) > 4 else 2
    pause_ms = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    failures = []
    threads = [
        threading.Thread(
            target=ask,
            args=(address, range(first + i, first + count, clients), pause_ms, failures),
        )
        for i in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*failures[:10], sep="\n", end="", file=sys.stderr)
    return 1 if failures else 0


sys.exit(main())
