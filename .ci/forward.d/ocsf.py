"""Validates lines of JSON as events of OCSF: each against the schema of its class with the
profiles that it names, and what JSON Schema cannot say."""

import collections
import json
import sys

import jsonschema
import ocsf_json_schema

VERSION = "1.8.0"
SCHEMA = ocsf_json_schema.get_ocsf_schema(version=VERSION)
EMBEDDED = ocsf_json_schema.OcsfJsonSchemaEmbedded(SCHEMA)
VALIDATORS = {}


def validator(event):
    profiles = event.get("metadata", {}).get("profiles", [])
    key = (event.get("class_uid"), *profiles)
    if key not in VALIDATORS:
        name = EMBEDDED.lookup_class_name_from_uid(class_uid=event["class_uid"])
        unknown = set(profiles) - set(SCHEMA["classes"][name]["profiles"])
        assert not unknown, f"{name} has no profile {unknown}"
        schema = EMBEDDED.get_class_schema(class_name=name, profiles=list(profiles))
        VALIDATORS[key] = jsonschema.Draft202012Validator(schema)
    return VALIDATORS[key]


def captions(attributes, value, at):
    """A number of an enum has its caption beside it, and 99 has a text; both by the schema."""
    for key, inner in value.items():
        attribute = attributes.get(key, {})
        enum, sibling = attribute.get("enum"), attribute.get("sibling")
        if enum and sibling:
            text = value.get(sibling)
            if inner == 99 and not (text or "").strip():
                yield f"{at}{key} is 99 without {sibling}"
            caption = enum.get(str(inner), {}).get("caption")
            if inner != 99 and text is not None and text != caption:
                yield f"{at}{sibling} is {text!r} and not {caption!r}"
        # What is of no type of the schema may have such keys as it likes.
        if key in ("unmapped", "data"):
            continue
        items = inner if isinstance(inner, list) else [inner]
        inside = SCHEMA["objects"].get(attribute.get("object_type"), {})
        for item in (item for item in items if isinstance(item, dict)):
            yield from captions(inside.get("attributes", {}), item, f"{at}{key}.")


def problems(event):
    for error in validator(event).iter_errors(event):
        yield f"{error.json_path}: {error.message[:200]}"
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        yield "type_uid is not the class and the activity"
    if event["metadata"]["version"] != VERSION:
        yield "another version"
    name = EMBEDDED.lookup_class_name_from_uid(class_uid=event["class_uid"])
    yield from captions(SCHEMA["classes"][name]["attributes"], event, "")


def main():
    seen, wrong = collections.Counter(), 0
    for number, line in enumerate(open(sys.argv[1], encoding="utf-8"), 1):
        event = json.loads(line)
        seen[event.get("class_uid")] += 1
        for problem in problems(event):
            wrong += 1
            if wrong <= 20:
                print(f"line {number}, class {event.get('class_uid')}: {problem}")
    print(f"OCSF {VERSION}: {wrong} problems in {dict(sorted(seen.items()))}")
    assert set(seen) == {2004, 2005, 5001, 5003}, "a class is missing"
    sys.exit(wrong > 0)


main()
