/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** Resources that the kernel counts for each user of the host, and that one user can use up. */
@Isolated("it uses up what the kernel gives one user")
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@AlsoOn(Profile.RUNC_CLAIMED)
class UidsIT extends Attacks {
  /** The code that both sides need. */
  private static final String BOTH =
      """
      import array, ctypes, fcntl, os, resource, signal, socket, sys, time
      libc = ctypes.CDLL(None, use_errno=True)
      kept = []
      def refused():
          raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
      def signals():
          if libc.sigqueue(os.getpid(), int(signal.SIGRTMIN), ctypes.c_void_p(0)) != 0:
              refused()
      def inotify():
          if libc.inotify_init() < 0:
              refused()
      def pipes():
          kept.append(os.pipe())
          if fcntl.fcntl(kept[-1][0], 1032) < 65536:
              raise OSError('a pipe of %d bytes' % fcntl.fcntl(kept[-1][0], 1032))
      def descriptors():
          one, other = socket.socketpair()
          kept.append((one, other))
          one.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 250))])
      def queues():
          room = (ctypes.c_long * 8)(0, 10, 8192, 0)
          name = ('/zcbot-%d' % len(kept)).encode()
          kept.append(name)
          if libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o600, room) < 0:
              refused()
      signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
      """;

  /**
   * Takes as much of each resource as the kernel allows, up to a bound, prints how much that was,
   * and keeps it for some seconds.
   */
  static final String TAKE =
      BOTH
          + """
      most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
      resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
      file = open('/tmp/taken', 'w')  # while there is one to be had
      taken = []
      for step, most in ((signals, 200000), (inotify, 1000), (descriptors, 100), (pipes, 2000), (queues, 50)):
          n = 0
          try:
              while n < most:
                  step()
                  n += 1
          except OSError:
              pass
          taken.append(n)
      print(*taken, file=file, flush=True)
      time.sleep(300)
      """;

  /** Prints the resources of which it gets none, with the error. */
  private static final String ASK =
      BOTH
          + """
      for step in (signals, inotify, descriptors, pipes, queues):
          try:
              step()
          except OSError as e:
              print(step.__name__, e)
      """;

  @Row(45)
  @Test
  void whatIsCountedByUserIsTheSandboxsOwn() throws Exception {
    applies(45);
    Started taker = lab.fresh();
    assertThat(lab.uid(taker.id())).isNotEqualTo(lab.uid(lab.sandbox.id()));
    assertThat(python(lab.sandbox.id(), ASK)).as("before").isEmpty();
    take(taker.id());
    assertThat(python(lab.sandbox.id(), ASK)).as("a neighbour").isEmpty();

    // On the host's kernel, where there is one user for both.
    String first = taker.id();
    if (profile.ownKernel()) {
      lab.fixture.engine.remove(taker.id());
      first = lab.exposed(_ -> {});
      take(first);
    }
    String uid = lab.uid(first);
    String control =
        lab.control(
            command -> {
              lab.onHostsKernel(Objects.requireNonNull(command.getHostConfig()));
              command.withUser(uid + ":" + uid);
            },
            lab.sandbox);
    assertThat(python(control, ASK))
        .as("a neighbour with the same user")
        .contains("signals", "inotify", "descriptors", "pipes a pipe of", "queues");
    lab.fixture.engine.remove(first);
    lab.fixture.engine.remove(control);
  }

  private void take(String container) throws InterruptedException {
    lab.fixture.background(container, "python3", "-c", TAKE);
    await()
        .atMost(Duration.ofSeconds(90))
        .pollInterval(Duration.ofMillis(300))
        .until(() -> lab.fixture.bash(container, "[[ -s /tmp/taken ]]").exitCode() == 0);
    System.out.println(profile + ", taken: " + said(container, "cat /tmp/taken"));
  }
}
