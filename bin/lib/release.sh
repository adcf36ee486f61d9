# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Makes the files of a release from a built tree ($root), and checks them. To be sourced after setup.sh, with
# $version, $timestamp and $scratch, a directory for intermediate files, set.
# shellcheck disable=SC2154

# Lists the jars that a release ships from a built tree, and Maven's bill of materials.
release_built_files() { # tree
  (cd "$1" && LC_ALL=C && printf '%s\n' {events,worker,standalone,clients/java}/target/*"-$version"{,-sources,-javadoc}.jar target/bom.json |
    while read -r file; do [[ ! -e $file ]] || echo "$file"; done)
}

# Prints the changelog's lines about this version, or about unreleased changes.
release_notes() {
  awk -v version="$1" '
    /^## / { on = ($2 == version || !found && $2 == "Unreleased"); if (on) found = 1; next }
    on' "$root/CHANGELOG.md" | sed -e '/./,$!d'
}

# --- what is in it -----------------------------------------------------------------------------

release_stage() { # empty directory
  local out=$1 name=sandbox-worker-$version
  mkdir -p "$out"/{jars,python,sbom,images}
  begin "Jars, wheel, notes"
  release_stage_jars "$out/jars"
  release_stage_python "$out/python"
  release_notes "$version" >"$out/NOTES.md"
  [[ -s $out/NOTES.md ]] || die 65 "CHANGELOG.md has nothing about $version, nor below '## Unreleased'."
  end "done"
  begin "$name.tar.gz"
  release_stage_tarball "$out" "$name"
  end "packed"
  release_stage_sboms "$out/sbom"
  [[ -z $images_saved ]] || release_stage_images "$out/images"
  rmdir --ignore-fail-on-non-empty "$out/images"
  (cd "$out" && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum) >"$scratch/sums"
  mv "$scratch/sums" "$out/SHA256SUMS"
}

release_stage_jars() { # directory
  local module name
  for module in events clients/java; do
    name=${module%/java}
    name=${name/clients/client}-$version
    cp "$root/$module/target/$name"{,-sources,-javadoc}.jar "$1" ||
      die 70 "A jar of $module is missing: 'mvn -Prelease -DskipTests package' makes it."
    cp "$root/$module/pom.xml" "$1/$name.pom"
  done
  cp "$root/pom.xml" "$1/sandbox-parent-$version.pom"
}

release_stage_python() { # directory
  # Builds in a copy, since setuptools writes intermediate files into the sources.
  local copy=$scratch/python
  mkdir -p "$copy"
  (cd "$root/clients/python" && cp -r pyproject.toml README.md zcbot_sandbox "$copy")
  cp "$root/LICENSE" "$root/NOTICE" "$copy"
  (cd "$copy" && find . -name __pycache__ -prune -exec rm -rf {} +)
  (cd "$copy" && SOURCE_DATE_EPOCH=$(date -d "$timestamp" +%s) logged python-wheel "$python" -c '
import sys, setuptools.build_meta as build
build.build_wheel(sys.argv[1])' "$1") || die 70 "The wheel of clients/python could not be built."
}

# For hosts that run the worker without a container: everything but Java.
release_stage_tarball() { # directory, name
  local tree=$scratch/$2
  mkdir -p "$tree"/{bin,lib,systemd,completion,docs}
  cp "$root/packaging/sandbox" "$tree/bin"
  cp "$root/worker/cli/target/worker-cli-$version.jar" "$root"/worker/cli/target/lib/*.jar "$tree/lib"
  cp "$root"/worker/{jvm,console,gateway,commands}.options "$root"/{LICENSE,NOTICE,README.md,CHANGELOG.md,SECURITY.md} "$tree"
  cp "$root/packaging/README.md" "$tree/INSTALL.md"
  cp "$root"/packaging/systemd/* "$tree/systemd"
  cp -r "$root"/docs/{*.md,*.yml,*.json,images} "$tree/docs"
  # The sandboxes' images are built on the host, from Debian's packages.
  mkdir "$tree/sandbox-image"
  (cd "$root/sandbox-image" && tar -c --exclude=target --exclude='*.o' .) | tar -x -C "$tree/sandbox-image"
  local shell
  for shell in bash zsh; do
    "$tree/bin/sandbox" completion "$shell" >"$tree/completion/sandbox.$shell"
  done
  chmod -R u=rwX,go=rX "$tree"
  tar -c -C "$scratch" --sort=name --mtime="$timestamp" --owner=0 --group=0 --numeric-owner "$2" |
    gzip -1n >"$1/$2.tar.gz"
}

release_stage_sboms() { # directory
  local image jars=() jar container
  begin "Bills of materials"
  for jar in "$root/worker/cli/target/worker-cli-$version.jar" "$root"/worker/cli/target/lib/*.jar; do
    jars+=(--jar "$jar")
  done
  sbom() { # name, arguments
    "$python" "$root/bin/lib/sbom.py" --name "$1" --version "$version" --bill "$root/target/bom.json" "${@:2}" \
      >"$out/sbom/$1.cdx.json" || die 70 "The bill of materials of $1 could not be written."
  }
  sbom client --module client
  sbom events --module events
  sbom sandbox-worker "${jars[@]}"
  for image in "$worker_image" "$sandbox_image" "$firewall_image"; do
    container=$(docker create "$image") || die 70 "The image $image is missing."
    docker cp "$container:/var/lib/dpkg" - >"$scratch/dpkg.tar" || :
    docker rm "$container" >/dev/null
    [[ $image == "$worker_image" ]] || jars=()
    sbom "${image%%:*}-image" "${jars[@]}" --dpkg "$scratch/dpkg.tar" --suite trixie
  done
  end "$(find "$1" -name '*.json' | wc -l) written"
}

release_stage_images() { # directory
  local image name
  for image in "$worker_image" "$sandbox_image" "$firewall_image"; do
    name=${image%%:*}
    begin "Image $name:$version"
    docker tag "$image" "$name:$version"
    docker save "$name:$version" | gzip -1n >"$1/$name-$version.tar.gz" || die 70 "$name could not be saved."
    end "saved"
  done
}

# --- checks of it ------------------------------------------------------------------------------

# Checks that a download contains what is promised, from the files alone.
release_verify() { # directory
  local out=$1 name=sandbox-worker-$version unpacked=$scratch/unpacked
  begin "Checks"
  (cd "$out" && sha256sum --check --strict --quiet SHA256SUMS) || die 70 "SHA256SUMS does not match."
  mkdir "$unpacked"
  tar -xzf "$out/$name.tar.gz" -C "$unpacked"
  local home=$unpacked/$name said
  # Run through a link, as in /usr/local/bin, and from a directory outside the release.
  ln -s "$home/bin/sandbox" "$unpacked/sandbox"
  said=$(cd / && "$unpacked/sandbox" --version) || die 70 "bin/sandbox of the tarball does not run."
  [[ $said == *"$version"* ]] || die 70 "bin/sandbox of the tarball says '$said' and not $version."
  { bash -n "$home/completion/sandbox.bash" && grep -q compdef "$home/completion/sandbox.zsh"; } ||
    die 70 "The completion in the tarball is not valid."
  release_verify_unit "$home"
  release_verify_sboms "$out/sbom"
  "$python" - "$out" "$version" "$home" <<'END' || die 70 "The release is not what it should be: see above."
import json, pathlib, sys, zipfile
out, version, home = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
JAVA_21 = 65
for name in ("events", "client"):
    with zipfile.ZipFile(out / "jars" / f"{name}-{version}.jar") as jar:
        names = jar.namelist()
        assert "META-INF/LICENSE" in names and "META-INF/NOTICE" in names, f"{name} lacks its licence"
        classes = [each for each in names if each.endswith(".class")]
        newest = max(int.from_bytes(jar.read(each)[6:8], "big") for each in classes)
        assert "module-info.class" in classes and newest == JAVA_21, f"{name} is for class files {newest}"
    for kind, file in ("sources", "module-info.java"), ("javadoc", "index.html"):
        with zipfile.ZipFile(out / "jars" / f"{name}-{version}-{kind}.jar") as jar:
            assert file in jar.namelist(), f"{name}-{kind} lacks {file}"
bills = {path.name.split(".")[0]: json.loads(path.read_text())["components"] for path in (out / "sbom").iterdir()}
assert len(bills["sandbox-worker"]) == len(list((home / "lib").iterdir())), "a jar is in no bill of materials"
for name, expected in (
    ("client", {"events", "kafka-clients"}),
    ("events", {"jackson-core"}),
    ("zcbot-worker-image", {"worker-cli", "libc6", "openjdk-25-jre-headless"}),
    ("zcbot-sandbox-image", {"libc6", "python3"}),
    ("zcbot-firewall-image", {"libc6", "nftables"}),
):
    missing = expected - {each["name"] for each in bills[name]}
    assert not missing, f"the bill of materials of {name} lacks {missing}"
assert (out / "NOTES.md").read_text().strip()
END
  end "passed: $(find "$out" -type f | wc -l) files, $(du -sh "$out" | cut -f1)"
}

# Checks the units as systemd reads them, with the paths of the unpacked release.
release_verify_unit() { # unpacked release
  if ! command -v systemd-analyze >/dev/null; then
    note "systemd-analyze is missing: the unit is not checked"
    return
  fi
  local unit=$scratch/zcbot-worker.service
  sed "s,/opt/zcbot,$1," "$1/systemd/zcbot-worker.service" >"$unit"
  # Problems of the machine's other units do not count.
  logged unit systemd-analyze verify --recursive-errors=no "$unit" || die 70 "The systemd unit is not valid."
  # In tenths: an exposure of at most 3.0 of 10. The rest is that the worker is root, uses the network and has
  # access to the engine.
  logged unit-security systemd-analyze security --offline=true --threshold=30 "$unit" ||
    die 70 "The systemd unit protects less than it did."
  cp "$1/systemd/warm.conf" "$scratch"
  mkdir "$unit.d"
  mv "$scratch/warm.conf" "$unit.d"
  logged unit systemd-analyze verify --recursive-errors=no "$unit" || die 70 "warm.conf is not valid."
  unit=$scratch/zcbot-gateway.service
  sed "s,/opt/zcbot,$1," "$1/systemd/zcbot-gateway.service" >"$unit"
  logged gateway systemd-analyze verify --recursive-errors=no "$unit" || die 70 "The gateway's unit is not valid."
  # At most 1.5 of 10. The rest is the network.
  logged gateway-security systemd-analyze security --offline=true --threshold=15 "$unit" ||
    die 70 "The gateway's unit protects less than it did."
  logged slice systemd-analyze verify --recursive-errors=no "$1/systemd/sandboxes.slice" ||
    die 70 "sandboxes.slice is not valid."
}

# Uses CycloneDX's schema, which Maven left beside its own bill of materials.
release_verify_sboms() { # directory
  local candidate validator=
  for candidate in "$python" /usr/bin/python3 install /usr/bin/python3; do
    if [[ $candidate == install ]]; then
      (apt_install "Python's jsonschema" python3-jsonschema) || break
    elif "$candidate" -c 'import jsonschema, referencing' >/dev/null 2>&1; then
      validator=$candidate
      break
    fi
  done
  if [[ -z $validator ]]; then
    note "Python's jsonschema is missing: the bills of materials are not compared with CycloneDX's schema"
    return
  fi
  "$validator" "$root/bin/lib/validate-sboms.py" "$root/target/cyclonedx" "$root/target/bom.json" "$1"/*.json ||
    die 70 "A bill of materials is not valid: see above."
}
