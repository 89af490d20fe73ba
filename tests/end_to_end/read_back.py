"""Opens every output of `orrery run` in FOLDER with programs other than ours; exit code 77: they are not here."""

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
summary = json.load(open(folder + "/summary.json"))
rows_wanted = {
    "ranks": summary["engine"]["ranks"],
    "memory": summary["plan"]["pipeline"],
    "phases": len(summary["phases"]),
    "published": len(summary["published"]),
}

with h5py.File(folder + "/results.h5") as file:
    assert file.attrs["title"] == summary["title"], file.attrs["title"]
    assert "[plan]" in file.attrs["scenario_toml"]
    for table, group in file.items():
        cells = list(csv.DictReader(open(f"{folder}/{table}.csv")))
        assert len(cells) == rows_wanted.get(table, len(cells)), (table, len(cells))
        assert set(group) == set(cells[0]), (table, set(group) ^ set(cells[0]))
        for name, column in group.items():
            assert len(column) == len(cells), (table, name)
            assert "long_name" in column.attrs, (table, name)
            text = column.dtype.kind == "O"
            assert text or "units" in column.attrs, (table, name)
            for ours, theirs in zip(column.asstr() if text else column, cells):
                same = ours == theirs[name] if text else ours == float(theirs[name])
                assert same, (table, name, ours, theirs[name])
    bubbles = file["ranks/bubble_s"]
    assert bubbles.attrs["units"] == "s"
    assert numpy.isclose(bubbles[:].mean(), summary["step"]["bubble_s"], rtol=1e-12)
    assert file["memory/peak_bytes"][:].max() == summary["memory"]["peak_bytes"]
    assert numpy.isclose(file["phases/gpu_hours"][:].sum(), summary["run"]["gpu_hours"], rtol=1e-12)

try:
    import xarray
except ImportError:
    sys.exit(0)
for engine in ("netcdf4", "h5netcdf"):
    try:
        ranks = xarray.open_dataset(folder + "/results.h5", group="ranks", engine=engine)
    except (ImportError, ValueError):
        continue  # That engine is not here.
    assert ranks.sizes["rank"] == summary["engine"]["ranks"]
    assert numpy.isclose(float(ranks.bubble_s.mean()), summary["step"]["bubble_s"], rtol=1e-12)
    assert ranks.bubble_s.attrs["units"] == "s"
