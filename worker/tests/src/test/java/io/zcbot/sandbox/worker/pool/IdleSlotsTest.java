/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.FakeMounts;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class IdleSlotsTest {
  private final FakeMounts mounts = new FakeMounts(() -> false);
  private final Capacity capacity = new Capacity(10);
  private static final Profile PROFILE = World.PROFILE;
  private static final Profile OTHER = like(PROFILE, "other", PROFILE.spec());

  private final IdleSlots pool = new IdleSlots();

  @BeforeEach
  void setUp() {
    pool.want(Map.of(PROFILE, 2));
  }

  private static Profile like(Profile profile, String name, SandboxSpec spec) {
    return new Profile(
        name, spec, profile.idleTtls(), profile.maxLifetime(), profile.warm(), Map.of());
  }

  private Slot begin(String id) throws Exception {
    return begin(id, PROFILE);
  }

  private Slot begin(String id, Profile profile) throws Exception {
    Reservation place = capacity.tryTake();
    pool.begin(id, place);
    return new Slot(
        id,
        profile,
        "c-" + id,
        Instant.EPOCH,
        "image",
        mounts.create(id),
        SlotEngine.Entrance.OPEN,
        place);
  }

  private boolean add(String id) throws Exception {
    return pool.add(begin(id));
  }

  @Test
  void wantsAsManyAsItIsToHold() throws Exception {
    assertThat(pool.wantsMore()).isTrue();
    add("a");
    assertThat(pool.wantsMore()).isTrue();
    add("b");
    assertThat(pool.wantsMore()).isFalse();
  }

  @Test
  void oneIsMadeAtATime() throws Exception {
    begin("a");
    assertThat(pool.wantsMore()).isFalse();
    assertThatThrownBy(() -> begin("b")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void givesTheOldestAndEachOnce() throws Exception {
    add("a");
    add("b");
    assertThat(pool.take(PROFILE)).extracting(Slot::id).isEqualTo("a");
    assertThat(pool.take(PROFILE)).extracting(Slot::id).isEqualTo("b");
    assertThat(pool.take(PROFILE)).isNull();
  }

  @Test
  void knowsASlotUntilNothingIsLeftOfIt() throws Exception {
    Slot slot = begin("a");
    assertThat(pool.knows("a")).as("while it is made").isTrue();
    pool.add(slot);
    pool.endMaking();
    pool.take(PROFILE);
    assertThat(pool.knows("a")).as("while it is somebody's sandbox").isTrue();
    pool.forget("a");
    assertThat(pool.knows("a")).isFalse();
  }

  @Test
  void aSlotThatCameToNothingGivesItsPlaceBack() throws Exception {
    begin("a");
    pool.endMaking();
    assertThat(capacity.taken()).isZero();
    assertThat(pool.knows("a")).isFalse();
    assertThat(pool.wantsMore()).isTrue();
  }

  @Test
  void thePlaceOfASlotBeingMadeCanBeTakenOnce() throws Exception {
    assertThat(pool.takePlaceOfMaking()).as("none is being made").isNull();
    Slot slot = begin("a");
    Reservation taken = pool.takePlaceOfMaking();
    assertThat(taken).isNotNull();
    assertThat(pool.takePlaceOfMaking()).isNull();

    assertThat(pool.add(slot)).isFalse();
    pool.endMaking();
    assertThat(capacity.taken()).as("somebody else has its place").isEqualTo(1);
    taken.close();
    assertThat(capacity.taken()).isZero();
    assertThat(add("b")).as("the next one keeps its own").isTrue();
  }

  @Test
  void addsNothingOnceClosed() throws Exception {
    Slot slot = begin("a");
    pool.close();
    assertThat(pool.add(slot)).isFalse();
    pool.endMaking();
    assertThat(capacity.taken()).isZero();
    assertThat(pool.wantsMore()).isFalse();
  }

  @Test
  void aUserGetsASlotOfItsProfileOnly() throws Exception {
    pool.want(Map.of(PROFILE, 2, OTHER, 2));
    add("a");
    assertThat(pool.take(OTHER)).isNull();
    pool.add(begin("b", OTHER));
    assertThat(pool.take(OTHER)).extracting(Slot::id).isEqualTo("b");
    assertThat(pool.take(PROFILE)).extracting(Slot::id).isEqualTo("a");
  }

  @Test
  void theProfileThatLacksMostIsNext() throws Exception {
    Map<Profile, Integer> both = new LinkedHashMap<>();
    both.put(PROFILE, 2);
    both.put(OTHER, 4);
    pool.want(both);
    add("a");
    assertThat(pool.lacking()).containsExactly(OTHER, PROFILE);
    pool.add(begin("b", OTHER));
    pool.add(begin("c", OTHER));
    pool.add(begin("d", OTHER));
    assertThat(pool.lacking()).containsExactly(PROFILE, OTHER);
    add("e");
    assertThat(pool.lacking()).containsExactly(OTHER);
  }

  @Test
  void aCreateGetsThePlaceOfTheProfileThatHasMost() throws Exception {
    pool.want(Map.of(PROFILE, 2, OTHER, 2));
    add("a");
    pool.add(begin("b", OTHER));
    pool.add(begin("c", OTHER));
    assertThat(pool.takeAny()).extracting(Slot::id).isEqualTo("b");
  }

  @Test
  void slotsOfAnotherSpecOrOfAProfileThatIsGoneAreStale() throws Exception {
    pool.want(Map.of(PROFILE, 2, OTHER, 2));
    add("a");
    pool.add(begin("b", OTHER));
    Slot late = begin("c");
    SandboxSpec spec = PROFILE.spec();
    Profile changed =
        like(
            PROFILE,
            PROFILE.name(),
            new SandboxSpec(
                "another image", spec.runtime(), spec.limits(), spec.network(), spec.policy()));
    pool.want(Map.of(changed, 2));

    assertThat(pool.takeStale()).extracting(Slot::id).containsExactly("a", "b");
    assertThat(pool.add(late)).as("was being made of the old spec").isFalse();
    pool.endMaking();
    assertThat(pool.lacking()).containsExactly(changed);
  }
}
