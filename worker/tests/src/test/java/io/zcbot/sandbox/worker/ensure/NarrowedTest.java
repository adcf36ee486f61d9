/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.Narrowing;
import io.zcbot.sandbox.worker.testkit.EngineFaults.Fault;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What ensures leave of what a profile allows by name: when it is set, told and kept. Which lists a
 * profile allows is in NarrowingTest, and what a sandbox then reaches in EgressNarrowedIT.
 */
class NarrowedTest extends InAWorld {
  private static final Egress PROFILE =
      new Egress.ByName(List.of("*.pypi.org", "github.com"), List.of());
  private static final Network GITHUB = new Network(List.of("github.com:443"));
  private static final Network NOTHING = new Network(List.of());

  @BeforeEach
  void byName() {
    world.egress = PROFILE;
  }

  private Ready ready(Network network) throws Exception {
    assertThat(world.ensure(ANNA, network)).isInstanceOf(Ready.class);
    return (Ready) world.ensure(ANNA, (Network) null);
  }

  private Network reached() {
    return world.engine.reached(world.registry.get(ANNA).containerId());
  }

  @Test
  void aNewSandboxIsNarrowedBeforeItIsReadyAndAllTellIt() throws Exception {
    Ready ready = (Ready) world.ensure(ANNA, GITHUB);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(reached()).isEqualTo(GITHUB);
    assertThat(ready.network()).isEqualTo(GITHUB);
    assertThat(ready.networkDigest()).isEqualTo(Narrowing.digest(PROFILE, GITHUB.allow()));
    assertThat(world.live.get(ready.containerId()).network()).isEqualTo(GITHUB);
    assertThat(world.current.get(ANNA).network()).isEqualTo(GITHUB);
    assertThat(world.current.get(ANNA).networkDigest()).isEqualTo(ready.networkDigest());
  }

  @Test
  void aRunningOneChangesInPlace() throws Exception {
    String id = world.ready(ANNA).containerId();
    for (Network next : List.of(GITHUB, NOTHING, Network.WHOLE)) {
      Ready changed = (Ready) world.ensure(ANNA, next);
      assertThat(changed.outcome()).isEqualTo(Ready.Outcome.REUSED);
      assertThat(changed.containerId()).isEqualTo(id);
      assertThat(changed.network()).isEqualTo(next);
      assertThat(reached()).isEqualTo(next);
      assertThat(world.live.get(id).network()).isEqualTo(next);
      assertThat(world.current.get(ANNA).network()).isEqualTo(next);
    }
  }

  @Test
  void anEnsureWithoutANetworkKeepsIt() throws Exception {
    assertThat(ready(GITHUB).network()).isEqualTo(GITHUB);
    assertThat(reached()).isEqualTo(GITHUB);
  }

  @Test
  void aNewSandboxBeginsWithAllThatItsProfileAllows() throws Exception {
    String first = ready(GITHUB).containerId();
    world.engine.removeByHand(first);
    Ready next = world.ready(ANNA);
    assertThat(next.containerId()).isNotEqualTo(first);
    assertThat(next.network()).isEqualTo(Network.WHOLE);
  }

  @Test
  void whatTheProfileDoesNotAllowIsRejectedAndChangesNothing() throws Exception {
    ready(GITHUB);
    Failed failed = (Failed) world.ensure(ANNA, new Network(List.of("github.com", "evil.example")));
    assertThat(failed.reason()).isEqualTo(Failed.Reason.REJECTED);
    assertThat(failed.retryable()).isFalse();
    assertThat(failed.message())
        .isEqualTo(
            "network.allow is all that a sandbox of the profile default shall reach, but the profile"
                + " does not allow 'evil.example' at port 443; remove it, or have it added to the"
                + " profile, which allows *.pypi.org, github.com");
    assertThat(reached()).isEqualTo(GITHUB);
    assertThat(world.ready(ANNA).network()).isEqualTo(GITHUB);
  }

  @Test
  void aNetworkThatIsNotByNameIsNotNarrowed() throws Exception {
    world.egress = new Egress.Public();
    for (Network network : List.of(GITHUB, NOTHING)) {
      Failed failed = (Failed) world.ensure(ANNA, network);
      assertThat(failed.reason()).isEqualTo(Failed.Reason.REJECTED);
      assertThat(failed.message())
          .contains("leave network out, or ask for a profile whose network");
    }
    assertThat(world.engine.everything()).isEmpty();
    world.egress = new Egress.None();
    assertThat(world.ensure(ANNA, NOTHING)).isInstanceOf(Ready.class);
  }

  @Test
  void aSlotIsNarrowedBeforeItIsReady() throws Exception {
    world = new World(root.resolve("warm"), 2, null, 1000, 1);
    world.egress = PROFILE;
    world.reboot(); // its pool is for the profile as it was at the start
    world.warmUp();
    Ready ready = (Ready) world.ensure(ANNA, GITHUB);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(reached()).isEqualTo(GITHUB);
    assertThat(ready.network()).isEqualTo(GITHUB);
  }

  /** Whether it has happened or not. */
  @Test
  void whatIsNotKnownToBeInForceIsSetAgain() throws Exception {
    world.ready(ANNA);
    for (boolean afterEffect : List.of(true, false)) {
      world.engine.faults.failNext(new Fault("let", EngineException.Kind.REJECTED, afterEffect));
      assertThat(world.ensure(ANNA, GITHUB)).isInstanceOf(Failed.class);
      Ready next = world.ready(ANNA);
      assertThat(next.network()).isEqualTo(Network.WHOLE);
      assertThat(reached()).isEqualTo(Network.WHOLE);
    }
  }

  @Test
  void aNewSandboxThatCanNotBeNarrowedIsRemoved() throws Exception {
    world.engine.faults.failNext(new Fault("let", EngineException.Kind.REJECTED, true));
    assertThat(world.ensure(ANNA, GITHUB)).isInstanceOf(Failed.class);
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.registry.get(ANNA)).isNull();
  }

  @Test
  void theNextRunLetsItReachWhatWasTold() throws Exception {
    String id = ready(GITHUB).containerId();
    world.engine.let(id, List.of());
    world.reboot();
    int adopted = world.domain.previousRun().adopt(world.sandboxLog(), _ -> 0, world.now);
    assertThat(adopted).isEqualTo(1);
    assertThat(reached()).isEqualTo(GITHUB);
    assertThat(world.ready(ANNA).network()).isEqualTo(GITHUB);
  }
}
