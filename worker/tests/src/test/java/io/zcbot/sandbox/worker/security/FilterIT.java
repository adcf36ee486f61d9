/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.docker.command.Trial;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What the runner's filter of system calls refuses. The control is the same script in the same
 * sandbox, started by the engine, which the filter does not apply to. In contrast to {@link
 * KernelSurfaceIT}, every attack is a command of the runner.
 */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@Order(14)
@AlsoOn(Profile.RUNC_CONTAINER) // where the engine starts the runner
class FilterIT extends Attacks {
  /** Functions for the scripts. {@code call} returns what a system call returns, or its error. */
  private static final String LIBRARY =
      """
      import ctypes, fcntl, mmap, os, resource, socket, struct
      libc = ctypes.CDLL(None, use_errno=True)
      libc.syscall.restype = ctypes.c_long
      def call(number, *arguments):
          r = libc.syscall(ctypes.c_long(number), *[
              ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
          return r if r >= 0 else -ctypes.get_errno()
      def attempt(function, *arguments):
          try: return function(*arguments) and 0 or 0
          except OSError as e: return -e.errno
      ACCEPT, DROP = 0x7fff0000, 0
      def filter(returned): # one instruction
          global code
          code = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, returned))
          return struct.pack('HxxxxxxP', 1, ctypes.addressof(code))
      """;

  private String filtered(String script) throws Exception {
    return ran(lab.sandbox, "python3 -c '" + (LIBRARY + script).replace("'", "'\\''") + "'");
  }

  private String unfiltered(String script) throws Exception {
    return python(lab.sandbox.id(), LIBRARY + script);
  }

  /** Each filter is so small that it takes nothing noticeable of the budget. */
  private static final String COMPILE =
      """
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      s.setsockopt(socket.SOL_SOCKET, 15, 1)
      print(attempt(s.setsockopt, socket.SOL_SOCKET, 26, filter(ACCEPT)),
            attempt(s.setsockopt, socket.SOL_SOCKET, 51, filter(DROP)),
            call(317, 1, 0, filter(ACCEPT)), call(157, 22, 2, filter(ACCEPT)))""";

  /** Whether a datagram arrives that the socket's filter drops. */
  private static final String DROPPED =
      """
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      s.bind(('127.0.0.1', 0))
      s.settimeout(3)
      s.setsockopt(socket.SOL_SOCKET, 26, filter(DROP))
      s.sendto(b'x', s.getsockname())
      print(s.recv(1))""";

  @Row(65)
  @Test
  void noFilterOfACommandIsCompiled() throws Exception {
    if (profile.ownKernel()) {
      assertThat(filtered(DROPPED)).as("accepted and ignored").isEqualTo("b'x'");
      String control = lab.exposed(_ -> {});
      assertThat(lab.fixture.python(control, LIBRARY + DROPPED).output()).contains("timed out");
      return;
    }
    assertThat(filtered(COMPILE)).isEqualTo("-1 -1 -1 -1");
    try (CommandChannel channel =
        lab.fixture.engine.commands(lab.spec, false).open(lab.sandbox.id())) {
      assertThat(
              Trial.start(
                      channel,
                      Trial.request(
                          Duration.ofMinutes(1),
                          1 << 20,
                          new TerminalSize(80, 25),
                          "python3",
                          "-c",
                          LIBRARY + COMPILE))
                  .said())
          .as("on a terminal")
          .isEqualTo("-1 -1 -1 -1");
    }

    assertThat(unfiltered(COMPILE)).as("without the filter").isEqualTo("0 0 0 0");
  }

  private static final String CORE =
      """
      before = resource.getrlimit(resource.RLIMIT_CORE)
      print(before, attempt(resource.setrlimit, resource.RLIMIT_CORE, (0, 0)),
            call(160, 4, struct.pack('QQ', 0, 0)), call(302, 0, 4, struct.pack('QQ', 0, 0), 0),
            resource.getrlimit(resource.RLIMIT_CORE))""";

  /** What that limit means to the kernel, {@link SocketMemoryIT} shows. */
  @Row(66)
  @Test
  void theLimitOfCoreFilesStaysAtOne() throws Exception {
    applies(66);
    assertThat(filtered(CORE)).isEqualTo("(1, 1) 0 0 0 (1, 1)");
    assertThat(filtered("print(attempt(resource.prlimit, 0, resource.RLIMIT_CORE, (0, 1)))"))
        .isEqualTo("-1");

    assertThat(unfiltered(CORE)).isEqualTo("(1, 1) 0 0 0 (0, 0)");
  }

  /** Without a reservation, so that it succeeds on a host without huge pages. */
  private static final String HUGE =
      """
      mapped = call(9, 0, 2 << 20, 3, 0x44022, -1, 0)
      file = call(319, b'x', 4)
      segment = call(29, 0, 2 << 20, 0o15600)
      print(min(mapped, 0), min(file, 0), min(segment, 0))""";

  @Row(68)
  @Test
  void noHugePageIsTaken() throws Exception {
    if (profile.ownKernel()) {
      assumeTrue(
          Files.readString(Path.of("/proc/meminfo")).matches("(?s).*Hugetlb: +0 kB.*"),
          "the host has huge pages");
      assertThat(
              filtered(
                  "m = mmap.mmap(-1, 4 << 20, flags=0x40022)\nm[:] = bytes(4 << 20)\nprint(1)"))
          .as("the pages that it gives are no huge ones of the host's")
          .isEqualTo("1");
      return;
    }
    assertThat(filtered(HUGE)).isEqualTo("-1 -1 -1");

    // the kernel itself refuses segments without a privilege
    assertThat(unfiltered(HUGE)).isEqualTo("0 0 -1");
  }

  /** Families, types and protocols, but those of AF_UNIX, that the kernel has. */
  private static final String SOCKETS =
      """
      for family in list(range(0, 1)) + list(range(2, 64)):
          inet = family in (2, 10)
          for type in range(0, 12):
              for protocol in list(range(0, 256)) + [262] if inet else range(0, 24):
                  r = libc.socket(family, type | 0o2000000, protocol)
                  if r >= 0:
                      os.close(r)
                      print('%d/%d/%d' % (family, type, protocol))
                  elif not inet and ctypes.get_errno() not in (97,) and family != 16:
                      print('%d known' % family)
                      break""";

  private static final Set<String> NEEDED =
      Set.of(
          "2/1/0", "2/1/6", "2/2/0", "2/2/17", "2/2/1", "10/1/0", "10/1/6", "10/2/0", "10/2/17",
          "10/2/58", "16/2/0", "16/3/0");

  private static final String PROTOCOL_ON_TCP =
      """
      s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
      print(attempt(s.setsockopt, socket.IPPROTO_TCP, 31, b'no-such'))""";

  private static Set<String> lines(String output) {
    return output.lines().collect(Collectors.toCollection(TreeSet::new));
  }

  @Row(69)
  @Test
  void onlySocketsThatProgramsNeedAreMade() throws Exception {
    Set<String> made = lines(filtered(SOCKETS));
    assertThat(made).contains("2/1/0", "2/2/17", "10/1/0", "16/3/0");
    if (profile.ownKernel()) {
      // AF_PACKET, and events of devices: of gVisor's own kernel
      made.removeAll(List.of("17 known", "16/2/15", "16/3/15"));
      assertThat(made).isSubsetOf(NEEDED);
      return;
    }
    assertThat(made).isSubsetOf(NEEDED);
    assertThat(filtered(PROTOCOL_ON_TCP)).isEqualTo("-92");

    assertThat(lines(unfiltered(SOCKETS))).containsAll(made).hasSizeGreaterThan(made.size());
    assertThat(unfiltered(PROTOCOL_ON_TCP)).as("looked for").isEqualTo("-2");
  }

  private static final String LEAVE =
      """
      with open('/workspace/project', 'w') as f:
          x, y = bytearray(28), bytearray(8)
          fcntl.ioctl(f, 0x801c581f, x) if call(16, f.fileno(), 0x801c581f, bytes(28)) == 0 else 0
          attempt(fcntl.ioctl, f, 0x80086601, y) # not every ext4 lets its flag of extents be cleared
          print(attempt(fcntl.ioctl, f, 0x401c5820, x), attempt(fcntl.ioctl, f, 0x40086602, y),
                call(469, f.fileno(), b'', bytes(24), 24, 0x1000))""";

  @Row(76)
  @Test
  void noFileGetsAnotherProject() throws Exception {
    if (profile.ownKernel()) {
      assertThat(filtered(LEAVE)).as("unknown to gVisor's kernel").isEqualTo("-25 -25 -38");
      return;
    }
    assertThat(filtered(LEAVE)).isEqualTo("-1 -1 -1");

    assertThat(unfiltered(LEAVE)).startsWith("0 0 ");
  }

  /**
   * Executes a copy of the runner, stops it before its first instruction, and then takes hold of
   * it. A command that does that to a runner that the engine starts has to be as quick.
   */
  private static final String TAKE_HOLD =
      """
      import signal
      def take_hold(path):
          child = os.fork()
          if child == 0:
              call(101, 0, 0, 0, 0) # PTRACE_TRACEME
              os.execv(path, [path])
          os.waitpid(child, 0)
          call(101, 17, child, 0, signal.SIGSTOP) # PTRACE_DETACH
          while ') T ' not in open('/proc/%d/stat' % child).read(): pass
          memory = attempt(lambda: open('/proc/%d/mem' % child, 'r+b'))
          traced = call(101, 0x4206, child, 0, 0) # PTRACE_SEIZE
          os.kill(child, 9)
          return memory, traced
      print(*take_hold('/usr/local/lib/zcbot/zcbot-runner-exec'), *take_hold('/usr/local/lib/zcbot/zcbot-runner'))""";

  private static final String OTHER_RUNNERS =
      """
      import glob
      for each in glob.glob('/proc/[0-9]*/cmdline'):
          name = open(each).read().split('\\0')[0]
          if 'zcbot-runner' in name: print(name)""";

  @Row(78)
  @Test
  void noRunnerOfTheEngineIsTakenHoldOfBeforeItsFilterIsLoaded() throws Exception {
    try (CommandChannel channel =
        lab.fixture.engine.commands(lab.spec, true).open(lab.sandbox.id())) {
      String started = profile.ownKernel() ? "zcbot-runner" : "zcbot-runner-exec";
      assertThat(Trial.start(channel, Trial.request("python3", "-c", OTHER_RUNNERS)).said().lines())
          .contains("/usr/local/lib/zcbot/" + started);
    }
    if (!profile.ownKernel()) {
      // the control is in the same script: the readable copy
      assertThat(filtered(TAKE_HOLD)).isEqualTo("-13 -1 0 0");
    }
  }

  /** Calls getpid as an i386 program, and as one of x32, and makes a ring. */
  private static final String OTHERWISE =
      """
      page = mmap.mmap(-1, 4096, prot=7)
      page.write(bytes.fromhex('b814000000cd804898c3')) # mov eax, 20; int 0x80; cdqe; ret
      i386 = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
      print(min(i386, 0), min(call(0x40000027), 0), call(425, 1, 0))""";

  @Row(77)
  @Test
  void theFilterIsNotEvaded() throws Exception {
    assertThat(filtered(OTHERWISE)).isEqualTo("-38 -38 -38");

    if (!profile.ownKernel()) {
      assertThat(unfiltered(OTHERWISE)).as("of i386 programs, here").startsWith("0 ");
    }
  }
}
