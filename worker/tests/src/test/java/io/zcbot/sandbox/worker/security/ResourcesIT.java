/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.Ulimit;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.doctor.EngineChecks;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Which resources one sandbox can use up, and what is left for its neighbours. */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@Order(1)
class ResourcesIT extends Attacks {
  private static final long MEMORY_OF_FEW_FILES = 48L << 20;

  @Row(28)
  @Test
  void aMemoryBombIsKilledAndNothingSwapped() throws Exception {
    Started bomber = lab.fresh();
    String bomb = "x = bytearray(400 << 20)\nprint('got it')";
    assertThat(lab.cgroup(bomber.id(), "memory", "memory.memsw.limit_in_bytes", "memory.swap.max"))
        .isIn("0", String.valueOf(lab.spec.limits().memoryBytes()));
    if (profile.ownKernel()) {
      // All that is in it is memory of one process of the host's, which goes as a whole.
      lab.fixture.background(bomber.id(), "python3", "-c", bomb);
      await()
          .atMost(Duration.ofSeconds(90))
          .until(
              () ->
                  lab.fixture.engine.find(bomber.id()).orElseThrow().state()
                      == Container.State.ENDED);
      assertThat(said(lab.sandbox.id(), "echo fine")).as("a neighbour").isEqualTo("fine");
    } else {
      assertThat(lab.fixture.python(bomber.id(), bomb).exitCode()).isEqualTo(137);
      Container after = lab.fixture.engine.find(bomber.id()).orElseThrow();
      assertThat(after.state()).as("only the command died").isEqualTo(Container.State.RUNNING);
      assertThat(said(bomber.id(), "echo fine")).isEqualTo("fine");
    }

    String control = lab.without(host -> host.withMemory(1L << 30).withMemorySwap(1L << 30));
    assertThat(python(control, bomb)).isEqualTo("got it");
  }

  @Row(29)
  @Test
  void tmpAndSharedMemoryAreBounded() throws Exception {
    Started filler = lab.fresh();
    String tmp = "head -c 20M /dev/zero > /tmp/big";
    String shm = "head -c 70M /dev/zero > /dev/shm/big";
    refused(filler.id(), tmp, "No space left on device");
    refused(filler.id(), shm, "No space left on device");
    assertThat(said(filler.id(), "python3 -c 'print(6 * 7)'")).as("still of use").isEqualTo("42");
    String mounted = said(filler.id(), "rm /tmp/big /dev/shm/big; grep ' /tmp ' /proc/mounts");
    assertThat(mounted).doesNotContain("noexec");
    if (!profile.ownKernel()) { // which tells no such flags
      assertThat(mounted).contains("nosuid", "nodev");
    }

    String control =
        lab.without(
            host -> host.withTmpFs(Map.of("/tmp", "size=64m,mode=1777")).withShmSize(96L << 20));
    succeeds(control, tmp);
    succeeds(control, shm);
  }

  /** With the seconds that each process lives. */
  private static final String FORK_BOMB =
      """
      import os, time
      forked = 0
      try:
          while forked < 150:
              if os.fork() == 0:
                  time.sleep(%d)
                  os._exit(0)
              forked += 1
          print(forked, 0)
      except OSError as e:
          print(forked, e.errno)""";

  @Row(31)
  @Test
  void aForkBombIsContained() throws Exception {
    if (profile.ownKernel()) {
      aForkBombIsContainedByTheHost();
      return;
    }
    Started bomber = lab.fresh();
    String[] words = python(bomber.id(), FORK_BOMB.formatted(4)).split(" ", 2);
    assertThat(Integer.parseInt(words[0])).isBetween(10, (int) lab.spec.limits().pids() - 1);
    assertThat(words[1]).as("EAGAIN").isEqualTo("11");
    assertThat(said(lab.sandbox.id(), "echo fine")).as("a neighbour").isEqualTo("fine");

    String control = lab.without(host -> host.withPidsLimit(0L));
    assertThat(python(control, FORK_BOMB.formatted(4))).isEqualTo("150 0");
  }

  /** What its own kernel makes of a fork is that kernel's: counted are the processes it takes. */
  private void aForkBombIsContainedByTheHost() throws Exception {
    long limit = lab.spec.limits().pids();
    Started bomber = lab.fresh();
    assertThat(mostProcesses(bomber.id(), 0)).isLessThanOrEqualTo(limit);
    assertThat(said(lab.sandbox.id(), "echo fine")).as("a neighbour").isEqualTo("fine");

    assertThat(mostProcesses(lab.without(host -> host.withPidsLimit(0L)), limit))
        .isGreaterThan(limit);
  }

  /**
   * The most processes of the container, as the host counts them, during six seconds of a fork
   * bomb; longer if they are not more than wanted until then, as forks take their time.
   */
  private long mostProcesses(String container, long wanted) throws Exception {
    Path group = lab.cgroupFile(container, "pids", "pids.current", "pids.current");
    lab.fixture.background(container, "python3", "-c", FORK_BOMB.formatted(60));
    long most = 0;
    for (int i = 0; i < 60 || (most <= wanted && i < 1800); i++) {
      try {
        most = Math.max(most, Long.parseLong(Files.readString(group).strip()));
      } catch (IOException e) {
        // It did not survive its own bomb: the file is gone, or went between its opening and the
        // reading of it ("No such device").
        if (Files.exists(group)) {
          throw e;
        }
        return most;
      }
      Thread.sleep(100);
    }
    return most;
  }

  @Row(32)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void orphansAreReaped() throws Exception {
    Started parent = lab.fresh();
    // More than its limit of processes, were they not reaped; forks take their time in gVisor.
    int batches = profile.ownKernel() ? 2 : 4;
    String orphans =
        """
        import os, time
        for batch in range(%d):
            for _ in range(30):
                child = os.fork()
                if child == 0:
                    if os.fork() == 0: time.sleep(0.1)
                    os._exit(0)
                os.waitpid(child, 0)
            time.sleep(0.4)
        # On a busy machine they end later, and are reaped later.
        zombies, deadline = -1, time.monotonic() + 60
        while zombies != %d and time.monotonic() < deadline:
            time.sleep(0.1)
            zombies = 0
            for pid in filter(str.isdigit, os.listdir('/proc')):
                try: zombies += ') Z' in open(f'/proc/{pid}/stat').read()
                except OSError: pass
        print(zombies)""";
    assertThat(python(parent.id(), orphans.formatted(batches, 0))).isEqualTo("0");

    String control = lab.without(host -> host.withInit(false).withPidsLimit(1000L));
    int all = 30 * batches;
    assertThat(Integer.parseInt(python(control, orphans.formatted(batches, all)))).isEqualTo(all);
  }

  /**
   * UDP sockets that nobody reads. Version 1 of control groups counts what they hold for nobody, so
   * the attack is made where it can't hurt.
   */
  @Row(53)
  @Test
  void whatSocketsHoldIsMemoryOfTheSandbox() throws Exception {
    EngineFacts engine = lab.fixture.engine.facts();
    Finding finding =
        EngineChecks.of(engine, lab.spec, null).stream()
            .filter(each -> each.check().equals("cgroups"))
            .findFirst()
            .orElseThrow();
    if (engine.cgroups().version() != 2) {
      assertThat(finding.level()).isEqualTo(Finding.Level.WARN);
      assertThat(finding.fix()).contains("sockets");
    }
    assumeTrue(
        engine.cgroups().version() == 2,
        "cgroup version 1 counts what sockets hold for nobody: reported by doctor");
    long limit = lab.spec.limits().memoryBytes();
    Started hoarder = lab.fresh();
    String held =
        lab.fixture
            .python(
                hoarder.id(), SocketMemory.attack(Math.toIntExact(2 * limit / SocketMemory.HELD)))
            .output();
    assertThat(held.matches("[0-9]+") ? Long.parseLong(held) : 0)
        .as("or it was killed")
        .isLessThan(limit);
  }

  @Row(33)
  @Test
  void openFilesAndCoresAreBounded() throws Exception {
    String open =
        "import resource\n"
            + "resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))\n"
            + "resource.setrlimit(resource.RLIMIT_CORE, (2, 2))\nprint('raised')";
    // in bytes: bash counts in blocks
    assertThat(said(lab.sandbox.id(), "ulimit -Sn; ulimit -Hn; grep ^Max.core /proc/self/limits"))
        .matches("4096\n4096\nMax core file size +1 +1 +bytes *");
    assertThat(lab.fixture.python(lab.sandbox.id(), open).exitCode()).isNotZero();

    String control =
        lab.without(
            host ->
                host.withUlimits(
                    List.of(new Ulimit("nofile", 20000L, 20000L), new Ulimit("core", 2L, 2L))));
    assertThat(python(control, open)).isEqualTo("raised");
  }

  /** Opens files in many processes, and prints how many were open at a time. */
  private static final String FILES =
      """
      import os, sys
      processes, each = int(sys.argv[1]), int(sys.argv[2])
      counts, count = os.pipe()
      hold, held = os.pipe()
      forked = 0
      for _ in range(processes):
          try: child = os.fork()
          except OSError: break
          if child == 0:
              os.close(held)
              opened = 0
              try:
                  while opened < each:
                      os.open('/dev/null', os.O_RDONLY)
                      opened += 1
              except OSError: pass
              os.write(count, opened.to_bytes(4, 'little'))
              os.read(hold, 1)
              os._exit(0)
          forked += 1
      os.close(count) # so that a child that was killed is not waited for
      print(sum(int.from_bytes(os.read(counts, 4), 'little') for _ in range(forked)))""";

  private Outcome files(String container, int processes, int each) throws InterruptedException {
    return lab.fixture.run(
        container, "1000:1000", "python3", "-c", FILES, "" + processes, "" + each);
  }

  /**
   * The kernel counts open files for the whole host, and refuses everybody. What one sandbox can
   * open is bounded twice, by their number and as its memory.
   */
  @Row(50)
  @Test
  void openFilesOfASandboxAreBoundedAndItsMemory() throws Exception {
    long bound = lab.spec.limits().pids() * ResourceLimits.MOST_OPEN_FILES;
    Started opener = lab.fresh();
    if (profile.ownKernel()) { // which opens it itself, and slowly
      assertThat(Long.parseLong(files(opener.id(), 2, 5000).output()))
          .isBetween(7000L, 2 * ResourceLimits.MOST_OPEN_FILES);
      return;
    }
    assertThat(Long.parseLong(files(opener.id(), 1000, 5000).output())).isBetween(bound / 2, bound);

    String control =
        lab.without(
            host ->
                host.withUlimits(List.of(new Ulimit("nofile", 20000L, 20000L)))
                    .withPidsLimit(1000L));
    assertThat(Long.parseLong(files(control, 70, 4000).output())).isGreaterThan(bound);

    String small =
        lab.without(
            host ->
                host.withUlimits(List.of(new Ulimit("nofile", 20000L, 20000L)))
                    .withMemory(MEMORY_OF_FEW_FILES)
                    .withMemorySwap(MEMORY_OF_FEW_FILES));
    Outcome outcome = files(small, 40, 6000);
    assertThat(outcome.exitCode() == 0 ? Long.parseLong(outcome.output()) : 0)
        .as("what files take counts as memory of the sandbox")
        .isLessThan(240_000);
  }

  /**
   * Closes connections whose peers do not, and prints how many the host has. The peers wait to be
   * accepted and take no descriptors.
   */
  private static final String ORPHANS =
      """
      import socket
      kept = []
      for n in range(%d):
          if n %% 4000 == 0:
              server = socket.socket()
              server.bind(('127.1.0.%%d' %% (1 + n // 4000), 0))
              server.listen(4096)
              kept.append(server)
          client = socket.socket()
          client.settimeout(20)
          client.setsockopt(socket.IPPROTO_TCP, 8, 120) # TCP_LINGER2, longer than a time-wait
          try: client.connect(server.getsockname())
          except OSError: break
          client.close()
      print(open('/proc/net/sockstat').read().split(' orphan ')[1].split()[0])""";

  /**
   * The kernel counts them for all network namespaces. The test makes a tenth of its usual limit.
   */
  @Row(70)
  @Test
  void orphanedConnectionsAreMemoryOfTheSandbox() throws Exception {
    applies(70);
    int wanted = 14_000;
    String small =
        lab.without(
            host ->
                host.withMemory(MEMORY_OF_FEW_FILES / 2).withMemorySwap(MEMORY_OF_FEW_FILES / 2));
    Outcome outcome = lab.fixture.python(small, ORPHANS.formatted(wanted));
    assertThat(outcome.exitCode()).as("it was killed: " + outcome.output()).isEqualTo(137);

    assertThat(
            Integer.parseInt(
                python(
                    lab.without(host -> host.withMemory(1L << 30).withMemorySwap(1L << 30)),
                    ORPHANS.formatted(wanted))))
        .isGreaterThanOrEqualTo(wanted);
  }

  private static final int MOST_INOTIFY = 4000;

  static final String INOTIFY =
      """
      import ctypes, resource, time, sys
      libc = ctypes.CDLL(None)
      n = 0
      while n < %d and libc.inotify_init() >= 0: n += 1
      print(n, flush=True)
      time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0)"""
          .formatted(MOST_INOTIFY);

  /**
   * Where sandboxes share a user, one takes what the kernel counts for it; nothing else is hurt.
   */
  @Row(34)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void whoTakesAllOfInotifyStopsNoCommand() throws Exception {
    if (!profile.rootInside()) {
      whoTakesAllOfInotifyTakesNobodyElses();
      return;
    }
    Started taker = lab.fresh();
    int most = Integer.parseInt(said(taker.id(), "cat /proc/sys/fs/inotify/max_user_instances"));
    assertThat(Integer.parseInt(python(taker.id(), INOTIFY))).isBetween(1, most);
    lab.fixture.background(taker.id(), "python3", "-c", INOTIFY, "3");
    assertThat(said(lab.sandbox.id(), "python3 -c 'print(6 * 7)' && git --version >/dev/null"))
        .isEqualTo("42");
    Started another = lab.fresh();
    assertThat(said(another.id(), "echo fine")).isEqualTo("fine");
    lab.fixture.engine.remove(taker.id());
    assertThat(Integer.parseInt(python(lab.sandbox.id(), INOTIFY)))
        .as("given back once the taker is gone")
        .isPositive();
  }

  /** A user or a kernel of its own has its own. */
  private void whoTakesAllOfInotifyTakesNobodyElses() throws Exception {
    Started taker = lab.fresh();
    lab.fixture.background(
        taker.id(), "bash", "-c", "exec python3 -c \"$0\" 300 >/tmp/taken", INOTIFY);
    // Nobody else may take any until it has all, or it would have fewer.
    int most =
        await()
            .atMost(Deployment.SOON)
            .until(
                () -> lab.fixture.bash(taker.id(), "cat /tmp/taken").output(),
                said -> said.matches("[0-9]+"))
            .transform(Integer::parseInt);
    if (most < MOST_INOTIFY) { // else it was the script that stopped
      await("another command of the taker gets none")
          .atMost(Deployment.SOON)
          .until(() -> Integer.parseInt(python(taker.id(), INOTIFY)) == 0);
    }
    assertThat(Integer.parseInt(python(lab.sandbox.id(), INOTIFY)))
        .as("as many as the taker took")
        .isEqualTo(most);
  }

  @Row(36)
  @Test
  void aFloodOfTheContainersLogIsBounded() throws Exception {
    // Where the first process is root only root gets there, which commands never are.
    String flood = "head -c 12M /dev/zero | tr '\\0' 'x' | fold -w 1000 > /proc/1/fd/1";
    if (profile.rootInside()) {
      refused(lab.sandbox.id(), flood, "permission denied");
    }
    Started flooder = lab.fresh();
    lab.fixture.run(flooder.id(), profile.rootInside() ? "0:0" : null, "bash", "-c", flood);
    assertThat(logged(flooder.id()))
        .isBetween(profile.rootInside() ? 1L : 0L, profile.rootInside() ? 3L << 20 : 0L);

    String control =
        lab.without(
            host -> host.withLogConfig(new LogConfig(LogConfig.LoggingType.JSON_FILE, Map.of())));
    lab.fixture.run(control, profile.rootInside() ? "0:0" : null, "bash", "-c", flood);
    assertThat(logged(control)).isGreaterThan(11L << 20);
  }

  /** Bytes of the container's log on the engine's host. */
  private long logged(String container) throws IOException {
    Path directory =
        Path.of(
            String.valueOf(lab.fixture.docker.infoCmd().exec().getDockerRootDir()),
            "containers",
            container);
    try (Stream<Path> files = Files.walk(directory)) {
      return files
          .filter(file -> file.toString().contains("log"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    }
  }

  /** Where the engine can't weigh, a worker that is to have it weighed does not start. */
  @Row(37)
  @Test
  void diskIoIsWeighedOrTheWeightRefused() throws Exception {
    SandboxSpec weighed = lab.weighed(300);
    EngineFacts engine = lab.fixture.engine.facts();
    Finding finding =
        EngineChecks.of(engine, weighed, null).stream()
            .filter(each -> each.check().equals("io-weight"))
            .findFirst()
            .orElseThrow();
    try {
      lab.fixture.start(weighed);
    } catch (EngineException e) {
      assertThat(e).as("the kernel can't").hasMessageContaining("ZCBOT_SANDBOX_IO_WEIGHT");
      return;
    }
    Started sandbox = lab.fresh(weighed);
    Integer kept =
        lab.fixture
            .docker
            .inspectContainerCmd(sandbox.id())
            .exec()
            .getHostConfig()
            .getBlkioWeight();

    if (!engine.cgroups().weighsIo()) {
      assertThat(kept).as("the engine discards it and says nothing").isIn(null, 0);
      assertThat(finding.level()).isEqualTo(Finding.Level.FAIL);
      return;
    }
    assertThat(kept).isEqualTo(300);
    assertThat(finding.level()).isEqualTo(Finding.Level.OK);
    // The last is on io.weight's scale, which ends at 10000 where BFQ's ends at 1000.
    assertThat(weight(sandbox.id())).isIn("300", "default 300", "default 2930");
    assertThat(weight(lab.sandbox.id())).as("without").isIn("100", "default 100");
  }

  /** Whose weight and limits the host sets. */
  @Row(30)
  @Test
  void theHostCanHaveAllSandboxesInOneGroup() throws Exception {
    try (ParentGroup group = new ParentGroup(lab.fixture.engine.facts(), "zcbotresources")) {
      Started sandbox = lab.fixture.start(lab.below(group));
      try {
        for (String controller : List.of("cpu", "memory", "pids", "freezer")) {
          assertThat(lab.cgroupFile(sandbox.id(), controller, "cgroup.procs", "cgroup.procs"))
              .asString()
              .matches("/sys/fs/cgroup/([a-z]+/)?" + group.name + "(\\.slice)?/[^/]+/cgroup.procs");
        }
        assertThat(lab.cgroupFile(lab.sandbox.id(), "cpu", "cgroup.procs", "cgroup.procs"))
            .asString()
            .doesNotContain(group.name);
      } finally {
        lab.fixture.docker.removeContainerCmd(sandbox.id()).withForce(true).exec();
      }
    }
  }

  private String weight(String container) throws IOException {
    Path bfq = lab.cgroupFile(container, "blkio", "blkio.bfq.weight", "io.bfq.weight");
    Path file = Files.exists(bfq) ? bfq : bfq.resolveSibling("io.weight");
    return Files.readAllLines(file).getFirst();
  }
}
