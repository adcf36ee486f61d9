/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.DomainFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.FakeSandboxLog;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.machine.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is special about slots on gVisor: a workspace is mounted through an entrance, from inside.
 */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@ExtendWith(GvisorEngine.OfTheRun.class)
class GvisorSlotsIT {
  /** With a leak of one mount in each cycle, one cycle would show it. */
  private static final int CYCLES = Integer.getInteger("zcbot.test.gvisor-claims", 2);

  private static final int CLAIMS = Integer.getInteger("zcbot.test.rounds", 3);

  @TempDir Path root;
  private EngineFixture fixture;
  private DomainFixture worker;
  private SandboxSpec spec;
  private Domain domain;

  @BeforeEach
  void setUp() throws IOException {
    fixture = EngineFixture.at(GvisorEngine.OfTheRun.get().host().address(), root);
    worker = new DomainFixture(fixture, root);
    spec = Profile.GVISOR_CLAIMED.apply(fixture.spec());
  }

  @AfterEach
  void tearDown() throws Exception {
    worker.close();
    assertThat(Mounts.beneath(root)).isEmpty();
  }

  private void begin(int warm) {
    domain = worker.begin(spec, worker.mounts(), warm);
    DomainFixture.awaitParked(domain, warm);
  }

  private Ready ready(UserId user) throws Exception {
    return (Ready) worker.ensure(domain, user);
  }

  @Test
  @InFullRuns("SlotLeaksIT, on runc")
  void manyClaimsLeakNothing() throws Exception {
    begin(1);
    for (int i = 0; i < CYCLES; i++) {
      claimAndReap();
    }

    assertThat(fixture.containers()).as("the parked one").hasSize(1);
    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(Mounts.slots(root, fixture.worker)).hasSize(1);
    assertThat(worker.live).isEmpty();
  }

  private void claimAndReap() throws Exception {
    DomainFixture.awaitParked(domain, 1);
    assertThat(ready(EngineFixture.user()).outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    domain.reaper().reapAll(Reaped.Reason.IDLE, _ -> true, List.of()).join();
    DomainFixture.awaitParked(domain, 1);
  }

  /** A slot whose entrance ended could be claimed and would have no workspace. */
  @Test
  void withoutItsEntranceASlotIsGivenToNobody() throws Exception {
    begin(1);
    String slot = fixture.containers().getFirst().getId();
    String end =
        "for p in /proc/[0-9]*; do read -r name <$p/comm; [[ $name != zcbot-entrance ]] || kill ${p#/proc/}; done";
    assertThat(fixture.run(slot, "0:0", "bash", "-c", end).exitCode()).isZero();

    UserId user = EngineFixture.user();
    Ready ready = ready(user);

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(fixture.engine.find(slot)).isEmpty();
    assertThat(fixture.bash(ready.containerId(), "echo hers > file").exitCode()).isZero();
    assertThat(root.resolve(user.toString()).resolve("file")).hasContent("hers\n");
    assertThat(Mounts.beneath(root)).hasSize(1);
  }

  /** The entrance opens for what was mounted, and never for the slot's empty directory. */
  @Test
  void withNothingMountedTheEntranceStaysShut() throws Exception {
    SlotMounts mounts = worker.mounts();
    String id = started(mounts, "0000000000000001");
    try (SlotEngine.Entrance entrance = fixture.sandboxes(spec).entrance(id)) {
      assertThat(catching(entrance::open)).contains("nothing was mounted");
    }
  }

  private interface Opening {
    void open() throws Exception;
  }

  private static String catching(Opening opening) {
    try {
      opening.open();
      return "";
    } catch (Exception e) {
      return String.valueOf(e.getMessage());
    }
  }

  private String started(SlotMounts mounts, String slotId) throws Exception {
    try (SlotMounts.Directory directory = mounts.create(slotId)) {
      String id = fixture.sandboxes(spec).createSlot(slotId, directory.path());
      fixture.sandboxes(spec).startSlot(id, directory::mountProbe);
      directory.unmountProbe();
      return id;
    }
  }

  /** What a kill -9 after any step of a claim leaves, the next life removes, but for the files. */
  @Test
  void aCrashAtAnyStepOfAClaimLeavesNothingButTheFiles() throws Exception {
    SlotMounts mounts = worker.mounts();
    UserId user = EngineFixture.user();
    Files.writeString(fixture.workspace(user).resolve("file"), "hers");
    String mounted = started(mounts, "0000000000000001");
    mount(mounts, user, "0000000000000001");
    String entered = started(mounts, "0000000000000002");
    enter(mounts, user, "0000000000000002", entered);
    String renamed = started(mounts, "0000000000000003");
    enter(mounts, user, "0000000000000003", renamed);
    fixture.sandboxes(spec).rename(renamed, Container.nameOf(user));
    assertThat(fixture.bash(renamed, "cat file").output()).isEqualTo("hers");

    begin(0);
    domain.previousRun().purge(new FakeSandboxLog(worker.live, worker.log));
    domain.slots().sweep();

    for (String each : List.of(mounted, entered, renamed)) {
      assertThat(fixture.engine.find(each)).isEmpty();
    }
    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(Mounts.slots(root, fixture.worker)).isEmpty();
    assertThat(worker.log).as("nobody was told of them").isEmpty();
    assertThat(root.resolve(user.toString()).resolve("file")).hasContent("hers");
  }

  private void mount(SlotMounts mounts, UserId user, String slotId) throws IOException {
    try (SlotMounts.Directory directory = mounts.create(slotId)) {
      directory.mount(user);
    }
  }

  private void enter(SlotMounts mounts, UserId user, String slotId, String id) throws Exception {
    try (SlotEngine.Entrance entrance = fixture.sandboxes(spec).entrance(id)) {
      mount(mounts, user, slotId);
      entrance.open();
    }
  }

  /**
   * In one run, on one engine, taking turns. This machine has more to do than this, which may hit
   * one of them alone: the best of six trials counts.
   */
  @Test
  @InFullRuns("WarmSlotsIT measures claims on runc")
  void aClaimTakesAboutAsLongAsOnRunc() throws Exception {
    Domain runc = worker.begin(Profile.RUNC_CLAIMED.apply(fixture.spec()), worker.mounts(), 1);
    domain = worker.begin(spec, worker.mounts(), 1);
    double best = Double.MAX_VALUE;
    for (int trial = 0; trial < 6 && best >= 0; trial++) {
      best = Math.min(best, millisTooLong(runc));
    }
    assertThat(best).as("ms beyond four times runc's and 20").isNegative();
  }

  /** By how much gVisor's median is more than it may be; negative if it is not. */
  private double millisTooLong(Domain runc) throws Exception {
    double[] onRunc = new double[CLAIMS];
    double[] onGvisor = new double[CLAIMS];
    for (int i = 0; i < CLAIMS; i++) {
      DomainFixture.awaitParked(runc, 1);
      DomainFixture.awaitParked(domain, 1);
      onRunc[i] = claimMillis(runc);
      onGvisor[i] = claimMillis(domain);
    }
    Arrays.sort(onRunc);
    Arrays.sort(onGvisor);
    System.out.printf(
        Locale.ROOT,
        "claims: runc %.1f ms, gVisor %.1f ms (medians of %d)%n",
        onRunc[CLAIMS / 2],
        onGvisor[CLAIMS / 2],
        CLAIMS);
    return onGvisor[CLAIMS / 2] - (4 * onRunc[CLAIMS / 2] + 20);
  }

  private double claimMillis(Domain of) throws Exception {
    long start = System.nanoTime();
    Ready ready = (Ready) worker.ensure(of, EngineFixture.user());
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    return (System.nanoTime() - start) / 1e6;
  }

  @Test
  @InFullRuns("WarmSlotsIT, on runc")
  void aRestartThatAdoptsKeepsClaimedSandboxesAndTheirFiles() throws Exception {
    begin(1);
    UserId user = EngineFixture.user();
    Ready before = ready(user);
    fixture.bash(before.containerId(), "echo hers > file");

    begin(0);
    int adopted =
        domain
            .previousRun()
            .adopt(new FakeSandboxLog(worker.live, worker.log), _ -> 0, System.nanoTime());

    assertThat(adopted).isEqualTo(1);
    Ready after = ready(user);
    assertThat(after.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(after.containerId()).isEqualTo(before.containerId());
    assertThat(fixture.bash(after.containerId(), "pwd; cat file").output())
        .isEqualTo("/workspace\nhers");
  }
}
