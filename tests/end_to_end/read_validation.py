"""Opens what `orrery validate` left in FOLDER with programs other than ours; exit code 77: they are not here."""

import csv
import json
import sys

try:
    import h5py
    import numpy
except ImportError as missing:
    print(missing)
    sys.exit(77)

folder = sys.argv[1]
tree = json.load(open(folder + "/validate.json"))
lines = [line for court in tree["courts"] for line in court["evidence"]]
rows = list(csv.DictReader(open(folder + "/evidence.csv")))
assert len(rows) == len(lines), (len(rows), len(lines))
for row, line in zip(rows, lines):
    assert row["figure"] == line["figure"], (row, line)
    assert float(row["measured"]) == line["measured"], (row, line)

with h5py.File(folder + "/results.h5") as file:
    assert list(file["evidence/measured"][:]) == [line["measured"] for line in lines]

for balancing in ("bias", "auxiliary", "none"):
    with h5py.File(f"{folder}/routing-{balancing}.h5") as file:
        expert = file["expert"]
        layers, tokens, slots = expert.shape
        assert expert.dtype == numpy.uint16
        assert slots == file.attrs["per_token"] and expert[:].max() < file.attrs["experts"]
        assert file.attrs["balancing"] in (balancing, balancing.encode())
        assert tokens >= 32768, tokens
        # Every slot of a token is another expert.
        ordered = numpy.sort(expert[:], axis=2)
        assert (ordered[:, :, 1:] != ordered[:, :, :-1]).all()
