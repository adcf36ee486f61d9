/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A kernel that runs as a process (User Mode Linux), for features that the machine's kernel may not
 * have. It sees this machine's files, read-only except for one directory, and runs one program of
 * this build's class path as root.
 */
public final class UserModeLinux {
  private static final Path KERNEL = Path.of("/usr/bin/linux.uml");
  private static final Path MODULES = Path.of("/usr/lib/uml/modules");

  private final Path directory;

  /**
   * One that writes to a directory only.
   *
   * @param directory empty, and everybody's to pass
   */
  public UserModeLinux(Path directory) throws IOException {
    assumeTrue(
        System.getProperty("os.arch").equals("amd64"), "User Mode Linux is there for x86-64 only");
    assertThat(KERNEL).as("install user-mode-linux, or let bin/test do so").exists();
    this.directory = directory;
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** The name of the directory to which the program writes. */
  public static final String OUT = "out";

  /**
   * Boots, runs the main class and ends.
   *
   * @param disks files that are there as /dev/ubda, /dev/ubdb, …
   * @param modules of the kernel, in the order in which they need one another
   * @param mainClass gets the directory as its argument, in which there is {@link #OUT}
   * @return what was printed on the way
   */
  public String run(List<Path> disks, List<String> modules, String mainClass, Duration deadline)
      throws IOException, InterruptedException {
    for (String each : List.of(OUT, "tmp")) {
      Files.createDirectory(directory.resolve(each));
    }
    Path console = directory.resolve("console.log");
    List<String> command =
        new ArrayList<>(
            List.of(
                KERNEL.toString(),
                "mem=768M",
                "rootfstype=hostfs",
                "rootflags=/",
                "ro",
                "init=" + init(modules, mainClass),
                "con0=fd:0,fd:1",
                "con=null",
                "quiet"));
    for (int i = 0; i < disks.size(); i++) {
      command.add("ubd" + i + "=" + disks.get(i));
    }
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("HOME", directory.toString()); // or it leaves a directory there
    Process process =
        builder
            .redirectErrorStream(true)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(console.toFile())
            .start();
    try {
      if (!process.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new AssertionError(
            "the kernel did not end within " + deadline + ":\n" + Files.readString(console));
      }
    } finally {
      // Its processes are some of this machine's.
      List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
      all.add(process.toHandle());
      all.forEach(ProcessHandle::destroyForcibly);
      for (ProcessHandle each : all) {
        ProcessHandle _ = each.onExit().orTimeout(60, TimeUnit.SECONDS).join();
      }
    }
    return Files.readString(console);
  }

  /**
   * Goes on only if it can run a program: before Linux 6.16, it has no room for the state of
   * processors with AMX.
   *
   * @param console what {@link #run} printed
   */
  public static void assumeThatItRuns(String console) {
    assumeThat(console)
        .as("User Mode Linux runs no program on this processor")
        .doesNotContain("ptrace set fp regs failed");
  }

  private Path init(List<String> modules, String mainClass) throws IOException {
    Path init = directory.resolve("init.sh");
    Files.writeString(
        init,
        """
        #!/bin/sh
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin
        mount -t proc proc /proc
        mount -t sysfs sysfs /sys
        mount -t tmpfs -o mode=1777 tmpfs '%1$s/tmp'
        mount -t hostfs -o 'hostfs=%1$s/out' none '%1$s/out'
        %2$s
        '%3$s' -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xmx256m \
            -Djava.io.tmpdir='%1$s/tmp' --enable-native-access=ALL-UNNAMED \
            -cp '%4$s' %5$s '%1$s' 2>&1
        echo "exit code $?"
        poweroff -f
        """
            .formatted(
                directory,
                modules.stream()
                    .map(module -> "insmod '" + moduleFile(module) + "'")
                    .collect(Collectors.joining("\n")),
                Path.of(System.getProperty("java.home"), "bin", "java"),
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                mainClass));
    Files.setPosixFilePermissions(init, PosixFilePermissions.fromString("rwxr-xr-x"));
    return init;
  }

  private static Path moduleFile(String name) {
    try (Stream<Path> all = Files.walk(MODULES)) {
      return all.filter(file -> file.endsWith(name + ".ko")).findFirst().orElseThrow();
    } catch (IOException e) {
      throw new AssertionError("the modules of " + KERNEL + " can't be listed", e);
    }
  }
}
