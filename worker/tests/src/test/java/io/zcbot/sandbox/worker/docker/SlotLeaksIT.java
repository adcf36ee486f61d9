/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.testkit.machine.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** Repeated claims and reaps on a real engine with real mounts. Requires CAP_SYS_ADMIN. */
@Tag("engine")
@Timeout(3600)
@Isolated("it counts the descriptors of this process")
class SlotLeaksIT {
  /** With a leak of one descriptor in each cycle, ten cycles would show it. */
  private static final int CYCLES = Integer.getInteger("zcbot.test.claims", 15);

  /**
   * The number that is given out between two listings, plus some that are in use or made in
   * advance.
   */
  private static final int MOST_MAPS = 16 + 6;

  @TempDir Path root;

  /** As many cycles as {@code -Dzcbot.test.claims} says. */
  @Test
  void nothingLeaksInManyClaimsAndReaps() throws Exception {
    EngineFixture fixture = new EngineFixture(root, Duration.ofSeconds(60));
    fixture.uids = EngineFixture.OWN_UIDS;
    DomainFixture worker = new DomainFixture(fixture, root);
    try {
      Domain domain = worker.begin(fixture.spec(), worker.mounts(), 1);
      claimAndReap(worker, domain);
      long descriptors = descriptors(false);

      for (int i = 1; i <= CYCLES; i++) {
        claimAndReap(worker, domain);
        if (i % 100 == 0) {
          System.out.printf("    %d of %d claims, %d descriptors%n", i, CYCLES, descriptors(false));
        }
      }

      assertThat(fixture.containers()).as("the parked one").hasSize(1);
      assertThat(Mounts.beneath(root)).hasSize(1);
      assertThat(Mounts.slots(root, fixture.worker)).hasSize(1);
      assertThat(
              fixture
                  .docker
                  .inspectNetworkCmd()
                  .withNetworkId(fixture.network)
                  .exec()
                  .getContainers())
          .as("addresses, and the veth pairs that go with them")
          .hasSize(1);
      assertThat(descriptors(false)).isLessThanOrEqualTo(descriptors + 10);
      assertThat(descriptors(true))
          .as("maps of users, who are taken again after the next listing")
          .isLessThanOrEqualTo(MOST_MAPS);
      assertThat(worker.live).isEmpty();
    } finally {
      worker.close();
    }
    assertThat(Mounts.beneath(root)).isEmpty();
  }

  private static void claimAndReap(DomainFixture worker, Domain domain) throws Exception {
    DomainFixture.awaitParked(domain, 1);
    assertThat(worker.ensure(domain, EngineFixture.user()))
        .isInstanceOfSatisfying(
            Ready.class, ready -> assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED));
    domain.reaper().reapAll(Reaped.Reason.IDLE, _ -> true, List.of()).join();
    DomainFixture.awaitParked(domain, 1);
  }

  /** The descriptors of this process: of user namespaces, or all others. */
  private static long descriptors(boolean ofUsers) throws IOException {
    try (var all = Files.list(Path.of("/proc/self/fd"))) {
      return all.filter(descriptor -> isOfUsers(descriptor) == ofUsers).count();
    }
  }

  private static boolean isOfUsers(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().startsWith("user:[");
    } catch (IOException _) {
      return false; // closed meanwhile
    }
  }
}
