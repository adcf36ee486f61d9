/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A directory whose file system does not answer, as that of a network is whose server is away: a
 * FUSE of which nobody reads the requests. Once it is closed, what hangs in it fails. Requires
 * CAP_SYS_ADMIN.
 */
public final class HungFileSystem implements AutoCloseable {
  private final Path directory;
  private final Process server;

  private HungFileSystem(Path directory, Process server) {
    this.directory = directory;
    this.server = server;
  }

  /** Creates the directory and lets it hang. */
  public static HungFileSystem at(Path directory) throws IOException {
    Files.createDirectory(directory);
    Process server =
        new ProcessBuilder(
                "bash",
                "-c",
                "exec 3<>/dev/fuse"
                    + " && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 hung \"$1\""
                    + " && echo hangs && read -r _",
                "bash",
                directory.toString())
            .redirectErrorStream(true)
            .start();
    BufferedReader said = server.inputReader();
    assertThat(said.readLine()).isEqualTo("hangs");
    return new HungFileSystem(directory, server);
  }

  @Override
  public void close() throws IOException {
    // With its descriptor, the kernel ends the connection.
    Process _ = server.destroyForcibly().onExit().join();
    Process unmount = new ProcessBuilder("umount", "-l", directory.toString()).start();
    assertThat(unmount.onExit().join().exitValue()).isZero();
    Files.delete(directory);
  }
}
