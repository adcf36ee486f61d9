/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class IdleSlotsTest {
  private final FakeMounts mounts = new FakeMounts(() -> false);
  private final IdleSlots pool = new IdleSlots(2);

  private Slot slot(String id) throws Exception {
    return new Slot(id, "c-" + id, Instant.EPOCH, "image", mounts.create(id));
  }

  private boolean park(String id) throws Exception {
    pool.begin(id);
    return pool.park(slot(id));
  }

  @Test
  void wantsAsManyAsItIsToHold() throws Exception {
    assertThat(pool.wantsMore()).isTrue();
    park("a");
    assertThat(pool.wantsMore()).isTrue();
    park("b");
    assertThat(pool.wantsMore()).isFalse();
  }

  @Test
  void oneIsMadeAtATime() {
    pool.begin("a");
    assertThat(pool.wantsMore()).isFalse();
    assertThatThrownBy(() -> pool.begin("b")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void givesTheOldestAndEachOnce() throws Exception {
    park("a");
    park("b");
    assertThat(pool.take()).extracting(Slot::id).isEqualTo("a");
    assertThat(pool.take()).extracting(Slot::id).isEqualTo("b");
    assertThat(pool.take()).isNull();
  }

  @Test
  void knowsASlotUntilNothingIsLeftOfIt() throws Exception {
    pool.begin("a");
    assertThat(pool.knows("a")).as("while it is made").isTrue();
    pool.park(slot("a"));
    pool.take();
    assertThat(pool.knows("a")).as("while it is somebody's sandbox").isTrue();
    pool.forget("a");
    assertThat(pool.knows("a")).isFalse();
  }

  @Test
  void aSlotThatCameToNothingLeavesItsPlaceToBeGivenBack() {
    pool.begin("a");
    assertThat(pool.giveUpMaking()).isTrue();
    assertThat(pool.knows("a")).isFalse();
    assertThat(pool.wantsMore()).isTrue();
  }

  @Test
  void thePlaceOfASlotBeingMadeCanBeTakenOnce() throws Exception {
    assertThat(pool.takePlaceOfMaking()).as("none is being made").isFalse();
    pool.begin("a");
    assertThat(pool.takePlaceOfMaking()).isTrue();
    assertThat(pool.takePlaceOfMaking()).isFalse();

    assertThat(pool.park(slot("a"))).isFalse();
    assertThat(pool.giveUpMaking()).as("somebody else has its place").isFalse();
    assertThat(park("b")).as("the next one keeps its own").isTrue();
  }

  @Test
  void parksNothingOnceClosed() throws Exception {
    pool.begin("a");
    pool.close();
    assertThat(pool.park(slot("a"))).isFalse();
    assertThat(pool.giveUpMaking()).isTrue();
    assertThat(pool.wantsMore()).isFalse();
  }
}
