"""Reads metrics as Prometheus does, and compares them with the table of docs/receive.md."""

import re
import sys

from prometheus_client.parser import text_string_to_metric_families

with open(sys.argv[1], encoding="utf-8") as file:
    families = list(text_string_to_metric_families(file.read()))
with open("docs/receive.md", encoding="utf-8") as file:
    told = set(re.findall(r"^\| `(huntctl_\w+)`", file.read(), re.MULTILINE))

names = set()
for family in families:
    assert family.documentation, f"{family.name} says nothing of itself"
    assert family.samples, f"{family.name} has no sample"
    assert family.type in ("counter", "gauge", "histogram"), f"{family.name} is {family.type}"
    names.add(family.name + ("_total" if family.type == "counter" else ""))
assert names == told, f"the docs and the program differ: {sorted(names ^ told)}"
print(f"metrics: Prometheus' parser reads {len(families)}, and the docs have all")
