#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares bills of materials with CycloneDX's JSON Schema: validate-sboms.py DIRECTORY-OF-SCHEMAS FILE..."""

import json
import sys
from pathlib import Path

from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7


def main():
    schemas = Path(sys.argv[1])
    resources = [
        DRAFT7.create_resource(json.loads((schemas / name).read_text()))
        for name in ("bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json")
    ]
    registry = Registry().with_resources((each.id(), each) for each in resources)
    validator = Draft7Validator(resources[0].contents, registry=registry)
    # Checks that the schemas find each other: only then is a licence refused that SPDX does not know.
    unknown = {"type": "library", "name": "x", "licenses": [{"license": {"id": "none of SPDX"}}]}
    for wrong in ({}, {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [unknown]}):
        assert not validator.is_valid(wrong), "the schema refuses nothing"
    errors = [
        f"{file}: {error.json_path}: {error.message[:200]}"
        for file in sys.argv[2:]
        for error in validator.iter_errors(json.loads(Path(file).read_text()))
    ]
    if errors:
        sys.exit("\n".join(errors))


main()
