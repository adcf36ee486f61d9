#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The entry point of the worker's image: runs a subcommand with the options of the JVM that are meant for it.
set -euo pipefail

main=io.zcbot.sandbox.worker.cli.Main
case ${1-} in
  run) exec java @/opt/zcbot/jvm.options @/opt/zcbot/start.options $main "$@" ;;
  # It stays, so its memory counts, and not how fast it starts: no AOT cache, and no jars of the engine's client. Of each
  # jar on the class path, the JVM keeps the list of files in its heap.
  console)
    class_path=/opt/zcbot/worker.jar
    for jar in /opt/zcbot/lib/*.jar; do
      [[ ${jar##*/} =~ ^(bc|commons-|docker-java-|guava-|jna-) ]] || class_path+=:$jar
    done
    exec java @/opt/zcbot/console.options -cp "$class_path" $main "$@"
    ;;
  gateway) exec java @/opt/zcbot/gateway.options -Xlog:disable @/opt/zcbot/start.options $main "$@" ;;
  # A JVM that can't use its cache, such as one with a heap above 32 GB, writes a warning to standard output.
  *) exec java @/opt/zcbot/commands.options -Xlog:disable @/opt/zcbot/start.options $main "$@" ;;
esac
