/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Images that have nothing of ours, made on the default engine. */
public enum ForeignImage {
  /**
   * As Alpine: commands are busybox's, and a program is linked dynamically with musl. It sets what
   * a sandbox must ignore.
   */
  BUSYBOX(
      """
      FROM scratch
      COPY --from=made /busybox /
      ENV PATH=/bin ENV=/etc/hostile LD_PRELOAD=/etc/hostile.so
      HEALTHCHECK --interval=1s CMD ["touch", "/tmp/checked"]
      USER 0:0
      ENTRYPOINT ["/bin/sleep"]
      CMD ["1"]
      """),
  /** Nothing but a shell. */
  SHELL(
      """
      FROM scratch
      COPY --from=made /shell /
      """),
  /** As the first, with the programs by which tests attack a sandbox: Python and bash. */
  ATTACKS(
      """
      FROM scratch
      COPY --from=made /busybox /
      COPY --from=made /attacks /
      ENV PATH=/usr/bin:/bin
      """);

  private static final String MADE =
      """
      FROM debian:trixie-slim AS made
      RUN export DEBIAN_FRONTEND=noninteractive; apt-get update -q && \\
        apt-get install -y -q --no-install-recommends \\
          bash-static busybox-static gcc git libc-bin musl-tools python3
      RUN mkdir -p /busybox/bin /busybox/etc /busybox/lib /shell/bin && \\
        cp /bin/busybox /busybox/bin/ && \\
        for name in $(/bin/busybox --list); do \\
          [ $name = busybox ] || ln -s busybox /busybox/bin/$name; \\
        done && \\
        cp -L /lib/ld-musl-*.so.1 /busybox/lib/ && \\
        printf 'root:x:0:0::/root:/bin/sh\\n' >/busybox/etc/passwd && \\
        printf 'int puts(const char *); int main(void) { return puts("musl") < 0; }' >/m.c && \\
        musl-gcc -o /busybox/bin/hello-musl /m.c && \\
        cp /usr/bin/bash-static /shell/bin/sh
      RUN mkdir -p /attacks/usr/bin /attacks/usr/lib /attacks/usr/local/bin && \\
        cp /usr/bin/bash-static /attacks/usr/bin/bash && \\
        cp -L /usr/bin/python3 /usr/bin/git /usr/bin/getent /usr/bin/id /attacks/usr/bin/ && \\
        cp -a /usr/lib/python3* /attacks/usr/lib/ && \\
        ldd /usr/bin/python3 /usr/bin/git /usr/bin/getent /usr/bin/id /usr/lib/python3*/lib-dynload/*.so | grep -o '/[^ :]*' | sort -u | \\
          grep '[.]so' | grep -v python3 | xargs -I '{}' cp -L --parents '{}' /attacks/ && \\
        cp -L --parents /lib/*-linux-gnu/libnss_*.so* /lib/*-linux-gnu/libresolv.so* /attacks/
      """;

  private final String end;

  ForeignImage(String end) {
    this.end = end;
  }

  /** Makes it, and returns its name. Those that others made before are used. */
  public String made() throws IOException, InterruptedException {
    String name = "zcbot-test-foreign-" + name().toLowerCase(Locale.ROOT) + ":latest";
    Path directory = Files.createTempDirectory("zcbot-foreign-");
    Path file = directory.resolve("Dockerfile");
    try {
      Files.writeString(file, MADE + end);
      Commands.run("docker", "build", "-q", "-t", name, directory.toString());
      return name;
    } finally {
      Files.deleteIfExists(file);
      Files.delete(directory);
    }
  }
}
