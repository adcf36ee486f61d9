/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.core.DefaultDockerClientConfig;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.api.EngineConnection;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.FakeSandboxLog;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import io.zcbot.sandbox.worker.testkit.machine.Mounts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Claims on a real engine, with real mounts; the log is a list. Requires CAP_SYS_ADMIN. */
@Tag("engine")
@Order(8)
class WarmSlotsIT {
  private static final int MEASURED = Integer.getInteger("zcbot.test.rounds", 3);

  @TempDir Path root;
  private EngineFixture fixture;
  private DomainFixture worker;
  private Domain domain;

  @BeforeEach
  void setUp() throws IOException {
    fixture = new EngineFixture(root, Duration.ofSeconds(60));
    fixture.uids = EngineFixture.OWN_UIDS;
    worker = new DomainFixture(fixture, root);
  }

  @AfterEach
  void tearDown() throws Exception {
    worker.close();
    assertThat(Mounts.beneath(root)).isEmpty();
  }

  /** Starts the worker, with this many slots parked. */
  private void begin(int warm) {
    begin(warm, fixture.spec(), worker.mounts());
  }

  private void begin(int warm, SandboxSpec spec, SlotMounts mounts) {
    domain = worker.begin(spec, mounts, warm);
    awaitParked(warm);
  }

  private void awaitParked(int warm) {
    DomainFixture.awaitParked(domain, warm);
  }

  private Ready ready(UserId user) throws FencedException, InterruptedException {
    SandboxEvent answer = ensure(user);
    assertThat(answer).as("%s", answer).isInstanceOf(Ready.class);
    return (Ready) answer;
  }

  private SandboxEvent ensure(UserId user) throws FencedException, InterruptedException {
    return worker.ensure(domain, user);
  }

  private void reap(Reaped.Reason reason) {
    domain.reaper().reapAll(reason, _ -> true, List.of()).join();
  }

  @Test
  void aStrangersSandboxIsMadeOfASlotAndHasItsFiles() throws Exception {
    begin(1);
    UserId user = EngineFixture.user();
    Files.writeString(fixture.workspace(user).resolve("before"), "already there");

    Ready ready = ready(user);

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(ready.container().name()).isEqualTo(Container.nameOf(user));
    assertThat(ready.environment().workspace())
        .isEqualTo(root.toRealPath().resolve(user.toString()).toString());
    Container container = fixture.engine.find(Container.nameOf(user)).orElseThrow();
    assertThat(container.id()).isEqualTo(ready.containerId());
    assertThat(container.isOurs()).isTrue();
    assertThat(container.user()).isEqualTo(user);

    Outcome inside =
        fixture.bash(
            ready.containerId(),
            "pwd; cat before; stat -c ' %u:%g %a' .; echo mine > file; echo $HOME; ls -A");
    assertThat(inside.output())
        .isEqualTo(
            "/workspace\nalready there "
                + fixture.agent(ready.containerId())
                + " 700\n/workspace\nbefore\nfile");
    Path file = root.resolve(user.toString()).resolve("file");
    assertThat(file).hasContent("mine\n");
    assertThat(Files.getAttribute(file, "unix:uid")).isEqualTo(1000);
    assertThat(
            fixture.bash(ready.containerId(), "grep ' /workspace ' /proc/self/mountinfo").output())
        .as("all that is mounted there")
        .satisfies(
            lines ->
                assertThat(lines.lines())
                    .allSatisfy(line -> assertThat(line).contains("nosuid,nodev")))
        .satisfies(
            lines ->
                assertThat(lines.lines().toList().getLast())
                    .contains(user.toString())
                    .doesNotContain("shared:"));

    assertThat(ready(user).outcome()).isEqualTo(Ready.Outcome.REUSED);
  }

  /** What spares a claim the taking apart: the engine tells of nothing but another name. */
  @Test
  void aClaimChangesNothingButTheName() throws Exception {
    begin(1);
    Container parked =
        fixture.engine.list().stream().filter(Container::isOurIdleSlot).findFirst().orElseThrow();
    String before = description(parked.id());
    UserId user = EngineFixture.user();
    String id = ready(user).containerId();

    assertThat(id).isEqualTo(parked.id());
    assertThat(description(id).replace(Container.nameOf(user), "(its name)"))
        .isEqualTo(before.replace(parked.name(), "(its name)"));
  }

  private static String description(String id) throws IOException {
    EngineConnection engine =
        new EngineConnection(
            DefaultDockerClientConfig.createDefaultConfigBuilder().build(), Duration.ofSeconds(90));
    try {
      return new String(engine.requests().inspect(id), StandardCharsets.UTF_8);
    } finally {
      engine.release();
    }
  }

  @Test
  void aCreatedSandboxsWorkspaceIsWithoutSetuidProgramsAndDevicesAsWell() throws Exception {
    begin(0);

    Ready ready = ready(EngineFixture.user());

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(
            fixture.bash(ready.containerId(), "grep ' /workspace ' /proc/self/mountinfo").output())
        .contains("nosuid,nodev");
  }

  @Test
  void eachUserGetsASlotOfTheirOwn() throws Exception {
    begin(2);
    UserId anna = EngineFixture.user();
    UserId ben = EngineFixture.user();

    Ready hers = ready(anna);
    Ready his = ready(ben);

    assertThat(hers.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(his.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(hers.containerId()).isNotEqualTo(his.containerId());
    fixture.bash(hers.containerId(), "echo hers > secret");
    assertThat(fixture.bash(his.containerId(), "ls -A").output()).isEmpty();
    assertThat(domain.takeover().running(_ -> true)).hasSize(2);
    assertThat(domain.slots().idle()).isZero();

    UserId cleo = EngineFixture.user();
    assertThat(ready(cleo).outcome()).as("no slot is left").isEqualTo(Ready.Outcome.CREATED);
  }

  @Test
  void aReapUnmountsAndLeavesTheFiles() throws Exception {
    begin(1);
    UserId user = EngineFixture.user();
    Ready ready = ready(user);
    fixture.bash(ready.containerId(), "echo kept > file");
    assertThat(Mounts.beneath(root)).hasSize(2);

    reap(Reaped.Reason.IDLE);

    assertThat(fixture.engine.find(ready.containerId())).isEmpty();
    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(Mounts.slots(root, fixture.worker)).isEmpty();
    assertThat(root.resolve(user.toString()).resolve("file")).hasContent("kept\n");
    assertThat(worker.live).isEmpty();
  }

  @Test
  void aSymlinkForAWorkspaceIsRefusedAndCostsNoSlot() throws Exception {
    begin(1);
    UserId user = EngineFixture.user();
    Files.createSymbolicLink(root.resolve(user.toString()), Path.of("/etc"));

    SandboxEvent answer = ensure(user);

    assertThat(((Failed) answer).reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(domain.slots().idle()).isEqualTo(1);
    assertThat(Mounts.beneath(root)).hasSize(1);
  }

  /** Somebody takes the user's name between the look and the rename. */
  @Test
  void aNameThatIsTakenMeanwhileIsLookedAt() throws Exception {
    UserId user = EngineFixture.user();
    List<String> intruder = new ArrayList<>();
    SlotMounts real = worker.mounts();
    begin(
        1,
        fixture.spec(),
        new BeforeMount(
            real,
            () -> {
              if (intruder.isEmpty()) {
                try {
                  intruder.add(fixture.create(fixture.spec(), user));
                } catch (EngineException e) {
                  throw new IOException(e);
                }
              }
            }));

    Ready ready = ready(user);

    assertThat(ready.outcome()).as("the slot is gone").isEqualTo(Ready.Outcome.CREATED);
    assertThat(ready.containerId()).isNotEqualTo(intruder.getFirst());
    assertThat(fixture.engine.find(intruder.getFirst())).as("it was removed").isEmpty();
    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(Mounts.slots(root, fixture.worker)).isEmpty();
    assertThat(worker.live.keySet()).containsExactly(ready.containerId());
  }

  @Test
  void aMountThatFailsCostsTheSlotAndNotTheSandbox() throws Exception {
    begin(
        1,
        fixture.spec(),
        new BeforeMount(
            worker.mounts(),
            () -> {
              throw new IOException("no mount today");
            }));
    Container parked = parked().getFirst();

    Ready ready = ready(EngineFixture.user());

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(fixture.engine.find(parked.id())).isEmpty();
    assertThat(Mounts.slots(root, fixture.worker)).isEmpty();
  }

  @Test
  void aSlotThatDiedUnseenIsNotGivenToAnyone() throws Exception {
    begin(1);
    fixture.engine.kill(parked().getFirst().id());

    Ready ready = ready(EngineFixture.user());

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(parked()).isEmpty();
    assertThat(Mounts.beneath(root)).hasSize(1);
  }

  private List<Container> parked() throws EngineException {
    return fixture.engine.list().stream().filter(Container::isOurIdleSlot).toList();
  }

  /** What a kill -9 between any two steps of a claim leaves, the next life removes. */
  @Test
  void aCrashAtAnyStepOfAClaimLeavesNothing() throws Exception {
    SlotMounts mounts = worker.mounts();
    UserId user = EngineFixture.user();
    fixture.workspace(user);
    // mounted, not renamed
    String mounted = halfClaimed(mounts, user, "0000000000000001");
    // mounted and renamed, in no live table
    String renamed = halfClaimed(mounts, user, "0000000000000002");
    fixture.sandboxes().rename(renamed, Container.nameOf(user));
    // made, never started
    try (var directory = mounts.create("0000000000000003")) {
      fixture.sandboxes().createSlot("0000000000000003", directory.path());
    }
    // a directory alone
    mounts.create("0000000000000004").close();
    assertThat(Mounts.beneath(root)).hasSize(3);

    begin(0);
    domain.previousRun().purge(new FakeSandboxLog(worker.live, worker.log));
    int removed = domain.slots().sweep();

    assertThat(removed).isEqualTo(2);
    assertThat(fixture.engine.find(mounted)).isEmpty();
    assertThat(fixture.engine.find(renamed)).isEmpty();
    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(Mounts.slots(root, fixture.worker)).isEmpty();
    assertThat(worker.log).as("nobody was told of them").isEmpty();
    assertThat(root.resolve(user.toString())).exists();
  }

  private String halfClaimed(SlotMounts mounts, UserId user, String slotId) throws Exception {
    try (SlotMounts.Directory directory = mounts.create(slotId)) {
      String id = fixture.sandboxes().createSlot(slotId, directory.path());
      SlotMounts.Directory shown = directory.shownTo(fixture.sandboxes().uid(id));
      fixture.sandboxes().startSlot(id, shown::mountProbe);
      shown.unmountProbe();
      shown.mount(user);
      return id;
    }
  }

  @Test
  void aRestartThatAdoptsKeepsClaimedSandboxesAndTheirFiles() throws Exception {
    begin(2);
    UserId user = EngineFixture.user();
    Ready before = ready(user);
    fixture.bash(before.containerId(), "echo mine > file");
    String parked = parked().getFirst().id();

    begin(0);
    int adopted =
        domain
            .previousRun()
            .adopt(new FakeSandboxLog(worker.live, worker.log), _ -> 0, System.nanoTime());
    domain.slots().sweep();

    assertThat(adopted).isEqualTo(1);
    assertThat(fixture.engine.find(parked)).as("an idle slot of a previous run").isEmpty();
    Ready after = ready(user);
    assertThat(after.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(after.containerId()).isEqualTo(before.containerId());
    assertThat(fixture.bash(after.containerId(), "cat file").output()).isEqualTo("mine");

    reap(Reaped.Reason.IDLE);

    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(Mounts.slots(root, fixture.worker)).isEmpty();
  }

  /** The engine says that a mount made later can't show: the container has a copy of its own. */
  @Test
  void aSlotThatDoesNotSeeWhatIsMountedLaterIsNotParked() throws Exception {
    Path elsewhere = root.resolve("elsewhere");
    Files.createDirectories(elsewhere.resolve(SlotMounts.WORKSPACE));
    SlotMounts real = worker.mounts();
    try (SlotMounts.Directory directory = real.create("0000000000000001")) {
      String id = fixture.sandboxes().createSlot("0000000000000001", elsewhere);

      EngineException e =
          DockerEngineIT.failure(() -> fixture.sandboxes().startSlot(id, directory::mountProbe));

      assertThat(e.getMessage()).contains("does not show in the container");
    }
  }

  @Test
  void slotsOfAnotherImageAreDrained() throws Exception {
    String tag = fixture.image(root, "LABEL round=1");
    begin(1, fixture.withImage(tag), worker.mounts());
    String old = parked().getFirst().id();
    assertThat(domain.slots().sweep()).isZero();

    fixture.rebuild(root, tag, "LABEL round=2");

    assertThat(domain.slots().sweep()).isEqualTo(1);
    assertThat(fixture.engine.find(old)).isEmpty();
    awaitParked(1);
    assertThat(ready(EngineFixture.user()).outcome()).isEqualTo(Ready.Outcome.CLAIMED);
  }

  /** In one run, taking turns, so that both meet the same machine. */
  @Test
  void measuresClaimsAgainstCreates() throws Exception {
    begin(1);
    List<Double> claims = new ArrayList<>();
    List<Double> creates = new ArrayList<>();
    List<Double> mountCalls = new ArrayList<>();
    List<Double> unmountCalls = new ArrayList<>();
    SlotMounts mounts = worker.mounts();
    for (int i = 0; i < MEASURED; i++) {
      awaitParked(1);
      claims.add(timed(Ready.Outcome.CLAIMED));
      creates.add(timed(Ready.Outcome.CREATED));
      reap(Reaped.Reason.IDLE);
      UserId user = EngineFixture.user();
      fixture.workspace(user);
      try (SlotMounts.Directory directory = mounts.create("measured")) {
        mountCalls.add(millis(() -> directory.mount(user)));
      }
      unmountCalls.add(millis(() -> mounts.release("measured")));
    }
    report("claim", claims);
    report("create", creates);
    report("mount alone", mountCalls);
    report("unmount and rmdir alone", unmountCalls);
    assertThat(median(claims)).isLessThan(median(creates) / 3);
  }

  private double timed(Ready.Outcome outcome) throws Exception {
    UserId user = EngineFixture.user();
    return millis(() -> assertThat(ready(user).outcome()).isEqualTo(outcome));
  }

  private interface Timed {
    void run() throws Exception;
  }

  private static double millis(Timed timed) throws Exception {
    long start = System.nanoTime();
    timed.run();
    return (System.nanoTime() - start) / 1e6;
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  private static void report(String what, List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    System.out.printf(
        Locale.ROOT,
        "%s: p50 %.1f ms, p95 %.1f ms, n=%d%n",
        what,
        median(values),
        sorted.get((int) Math.ceil(sorted.size() * 0.95) - 1),
        sorted.size());
  }

  /** Runs a hook before a workspace is mounted. */
  private record BeforeMount(SlotMounts mounts, Hook hook) implements SlotMounts {
    interface Hook {
      void run() throws IOException;
    }

    @Override
    public String problem() {
      return mounts.problem();
    }

    @Override
    public Directory create(String slotId) throws IOException {
      return hooked(mounts.create(slotId));
    }

    private Directory hooked(Directory directory) {
      return new Directory() {
        @Override
        public Directory shownTo(int uid) throws IOException {
          return hooked(directory.shownTo(uid));
        }

        @Override
        public Path path() {
          return directory.path();
        }

        @Override
        public void mountProbe() throws IOException {
          directory.mountProbe();
        }

        @Override
        public void unmountProbe() throws IOException {
          directory.unmountProbe();
        }

        @Override
        public void mount(UserId user) throws IOException {
          hook.run();
          directory.mount(user);
        }

        @Override
        public void close() {
          directory.close();
        }
      };
    }

    @Override
    public Set<String> left() throws IOException {
      return mounts.left();
    }

    @Override
    public void release(String slotId) throws IOException {
      mounts.release(slotId);
    }
  }
}
