"""Show what a cell printed as one text, wherever the kernel cut it into pieces.

MyST-NB ends every piece with a line break, so a cut within a line would show
(https://github.com/executablebooks/MyST-NB/blob/v1.4.0/myst_nb/core/utils.py).
"""

from myst_nb.core import render

merge = render.coalesce_streams


def joined(outputs):
    whole = []
    for output in outputs:
        last = whole[-1] if whole else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            whole.append(output.copy())
    return whole


def setup(app):
    render.coalesce_streams = lambda outputs: merge(joined(outputs))
    return {"parallel_read_safe": True}
