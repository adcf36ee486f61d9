# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # what setup.sh sets
# Validates events/asyncapi.yaml with AsyncAPI's own parser, which is installed into target/ in the versions of
# bin/lib/asyncapi/package-lock.json. To be sourced after setup.sh.

# Fails only if the document is invalid. Skips the validation where Node or npm's registry is missing.
validate_asyncapi() {
  local sources=$root/bin/lib/asyncapi tool=$setup_dir/asyncapi
  begin "events/asyncapi.yaml with AsyncAPI's parser"
  if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; then
    end "skipped: there is no Node of version 18 or newer with npm"
    return
  fi
  if ! diff -q "$sources/package-lock.json" "$tool/installed" >/dev/null 2>&1; then
    rm -rf "$tool"
    mkdir -p "$tool"
    cp "$sources"/package*.json "$tool"
    if ! timeout 120 npm ci --prefix "$tool" --ignore-scripts --no-audit --no-fund \
      >"$setup_dir/asyncapi-install.log" 2>&1 </dev/null; then
      end "skipped: npm could not install it within 2 minutes, see ${setup_dir#"$root"/}/asyncapi-install.log"
      return
    fi
    cp "$sources/package-lock.json" "$tool/installed"
  fi
  cp "$sources/validate.mjs" "$tool"
  logged asyncapi node "$tool/validate.mjs" "$root/events/asyncapi.yaml" || return
  end "valid"
}
