"""Runs examples/draw_and_walk.ipynb with the module that is installed, and looks at what it shows.

    run_notebook.py SOURCE_FOLDER [FOLDER for its pictures]

Exit code 77, with a reason, where the module, matplotlib, or nbclient with a kernel is missing.
"""

import base64
import pathlib
import sys

try:
    import ddim  # noqa: F401
    import ipykernel  # noqa: F401
    import matplotlib  # noqa: F401
    import nbclient
    import nbformat
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

source = pathlib.Path(sys.argv[1])
notebook = nbformat.read(source / "examples" / "draw_and_walk.ipynb", as_version=4)
for cell in notebook.cells:
    assert not cell.get("outputs"), "the notebook is kept without outputs"
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd="/")

pictures = []
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        assert output.output_type != "stream" or output.name != "stderr", f"it warns: {output.text}"
        if "image/png" in output.get("data", {}):
            pictures.append(base64.b64decode(output.data["image/png"]))
assert len(pictures) == 9, f"{len(pictures)} pictures"
text = "".join(output.data.get("text/plain", "") for output in notebook.cells[1].outputs)
assert text == "<ddim.Model fashion-mnist: 32x32x1>", text
if len(sys.argv) > 2:
    for number, picture in enumerate(pictures):
        (pathlib.Path(sys.argv[2]) / f"notebook-{number}.png").write_bytes(picture)
print(f"{len(pictures)} pictures")
