"""Makes a virtual environment independent of the folder where it was built, and free of what differs
from one build to the next. Usage: relocate.py VENV, run with that environment's own Python."""

import pathlib
import re
import shutil
import sys


def drop_what_is_not_needed(venv):
    for script in venv.glob("bin/[Aa]ctivate*"):
        script.unlink()
    for cache in list(venv.rglob("__pycache__")):
        shutil.rmtree(cache)
    # pip notes here from which folder something local was installed.
    for note in list(venv.rglob("*.dist-info/direct_url.json")):
        note.unlink()


def one_interpreter(venv):
    """Keeps one copy of the interpreter, with relative links for its other names."""
    real = venv / "bin" / "python3"
    for twin in venv.glob("bin/python*"):
        if re.fullmatch(r"python[0-9.]*", twin.name) and twin != real:
            twin.unlink()
            twin.symlink_to(real.name)


def relocate_scripts(venv):
    """Scripts name the interpreter by its full path, in one of two forms; the shorter one finds it in PATH."""
    interpreter = re.escape(str(venv)).encode() + rb"/bin/python[0-9.]*"
    short = re.compile(rb"\A#![ \t]*\"?" + interpreter + rb"\"?[^\n]*\n")
    long = re.compile(rb"\A#!/bin/sh\n'''exec' \"?" + interpreter + rb"\"? [^\n]*\n' '''\n")
    for script in venv.glob("bin/*"):
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        if not content.startswith(b"#!"):
            continue
        for form in (short, long):
            content = form.sub(b"#!/usr/bin/env python3\n", content)
        script.write_bytes(content)


def settle_records(venv):
    """The list of installed files has digests of scripts as they were, and lists notes that are gone."""
    for record in venv.rglob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines()
        lines = [re.sub(r"^((?:\.\./)+bin/[^,]*),.*$", r"\1,,", line) for line in lines]
        lines = [line for line in lines if "/direct_url.json," not in line]
        record.write_text("".join(line + "\n" for line in sorted(lines)), encoding="utf-8")


def settle_settings(venv):
    settings = venv / "pyvenv.cfg"
    lines = settings.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if str(venv) not in line]
    settings.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def refuse_editable(venv):
    """An editable install is nothing but the path of a folder that is gone when the app runs."""
    build = str(venv.parent)
    for path in list(venv.rglob("*.pth")) + list(venv.rglob("__editable__*.py")):
        if build in path.read_text(encoding="utf-8", errors="replace"):
            print(" !     requirements.txt installs something with -e (editable): leave out the -e.")
            sys.exit(1)


def main():
    venv = pathlib.Path(sys.argv[1])
    refuse_editable(venv)
    drop_what_is_not_needed(venv)
    one_interpreter(venv)
    relocate_scripts(venv)
    settle_records(venv)
    settle_settings(venv)


main()
