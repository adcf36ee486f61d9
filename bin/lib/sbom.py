#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a bill of materials (CycloneDX 1.6, JSON) of one part of a release.

The contents are read from that part itself: its jars are looked up by SHA-256 in Maven's bill of the whole
build, and its Debian packages in dpkg's files in the image. A jar that Maven's bill does not know is an error.
"""

import argparse
import hashlib
import json
import sys
import tarfile
import urllib.parse
import uuid
from pathlib import Path

GROUP = "io.zcbot.sandbox"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--bill", required=True, help="what Maven wrote of the whole build")
    parser.add_argument("--jar", action="append", default=[], dest="jars", help="a jar that is in it")
    parser.add_argument("--module", help="a module of this build: it and what it depends on")
    parser.add_argument("--dpkg", help="tar of the image's /var/lib/dpkg")
    parser.add_argument("--suite", help="Debian's name of the release that the packages are of")
    options = parser.parse_args()

    bill = json.loads(Path(options.bill).read_text())
    components = jar_components(bill, [Path(jar) for jar in options.jars])
    if options.module:
        components += module_components(bill, options.module)
    if options.dpkg:
        components += package_components(options.dpkg, options.suite)
    if not components:
        sys.exit(f"{options.name}: nothing is in it")
    json.dump(document(options, bill, components), sys.stdout, indent=1, sort_keys=True)
    print()


def jar_components(bill, jars):
    by_hash = {
        digest["content"]: component
        for component in bill["components"]
        for digest in component.get("hashes", [])
        if digest["alg"] == "SHA-256"
    }
    own = {
        f"{component['name']}-{component['version']}.jar": component
        for component in bill["components"]
        if component.get("group") == GROUP
    }
    found = []
    for jar in jars:
        content = jar.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        component = by_hash.get(digest)
        if component is None and jar.name in own:
            component = own[jar.name] | {"hashes": [{"alg": "SHA-256", "content": digest}]}
        if component is None:
            sys.exit(f"{jar} is not in the bill of the build: build it again")
        found.append(component)
    return found


def module_components(bill, module):
    depends_on = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    todo = [ref for ref in depends_on if ref.startswith(f"pkg:maven/{GROUP}/{module}@")]
    reached = set()
    while todo:
        ref = todo.pop()
        if ref not in reached:
            reached.add(ref)
            todo += depends_on.get(ref, [])
    return [component for component in bill["components"] if component["bom-ref"] in reached]


def package_components(archive, suite):
    """Reads dpkg's status, and status.d, which images without dpkg have for scanners."""
    with tarfile.open(archive) as tar:
        texts = [
            tar.extractfile(member).read().decode()
            for member in tar
            if member.isfile()
            and (member.name in ("dpkg/status", "status") or "status.d/" in member.name)
            and not member.name.endswith(".md5sums")
        ]
    packages = {}
    for stanza in "\n\n".join(texts).split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" ")
        )
        if "Package" in fields and fields.get("Status", "").endswith(" installed"):
            packages[fields["Package"]] = fields
    return [package_component(packages[name], suite) for name in sorted(packages)]


def package_component(fields, suite):
    version = fields["Version"]
    url = f"pkg:deb/debian/{fields['Package']}@{urllib.parse.quote(version, safe='')}"
    url += f"?arch={fields['Architecture']}&distro={suite}"
    return {
        "type": "library",
        "bom-ref": url,
        "name": fields["Package"],
        "version": version,
        "purl": url,
        "supplier": {"name": fields.get("Maintainer", "Debian")},
        # The source package, since Debian's advisories name it.
        "properties": [{"name": "debian:source", "value": fields.get("Source", fields["Package"])}],
    }


def document(options, bill, components):
    components = sorted({each["bom-ref"]: each for each in components}.values(), key=lambda each: each["bom-ref"])
    refs = {component["bom-ref"] for component in components}
    name = f"{options.name}@{options.version}"
    # The serial number depends on name and content only, so that two builds of one commit can be compared.
    content = json.dumps(components, sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name + content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": options.name,
                "version": options.version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": each["ref"], "dependsOn": [ref for ref in each.get("dependsOn", []) if ref in refs]}
            for each in bill["dependencies"]
            if each["ref"] in refs
        ],
    }


main()
