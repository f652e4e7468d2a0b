"""A person at a terminal, for the tests: argv is a list of steps in JSON and then a command. Shows all that the
terminal showed, the command's exit status, and whether the terminal is as it was before."""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
deadline = time.monotonic() + 30


def resize(rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


child, terminal = pty.fork()
if child == 0:
    sys.stdin.read(1)  # Until the terminal has its size.
    os.execvp(command[0], command)
resize(24, 80)
before = termios.tcgetattr(terminal)
os.write(terminal, b"\n")
shown = b""
seen = 0


def read():
    global shown
    if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
        sys.exit(f"it did not come: {shown!r}")
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        return False
    shown += piece
    return bool(piece)


for step in steps:
    word, value = next(iter(step.items()))
    if word == "until":
        while value.encode() not in shown[seen:]:
            if not read():
                sys.exit(f"it ended before {value!r}: {shown!r}")
        seen = shown.index(value.encode(), seen) + len(value.encode())
    elif word == "type":
        os.write(terminal, value.encode())
    elif word == "resize":
        resize(*value)
    elif word == "kill":
        os.kill(child, value)
    elif word == "hang up":
        os.close(terminal)
        os.waitpid(child, 0)
        sys.exit(0)
status = None
after = before
while status is None:
    after = termios.tcgetattr(terminal)
    ended, code = os.waitpid(child, os.WNOHANG)
    if ended:
        status = os.waitstatus_to_exitcode(code)
    elif select.select([terminal], [], [], 0.01)[0]:
        read()
    elif time.monotonic() > deadline:
        sys.exit(f"it did not end: {shown!r}")
after = termios.tcgetattr(terminal)
while select.select([terminal], [], [], 0)[0] and read():
    pass
text = shown.decode().replace("\r\n", "\n").lstrip("\n")
print(f"{text}[exit {status}{'' if after == before else ', and the terminal is not as it was'}]")
