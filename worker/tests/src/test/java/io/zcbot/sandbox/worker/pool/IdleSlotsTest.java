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
import io.zcbot.sandbox.worker.testkit.FakeMounts;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class IdleSlotsTest {
  private final FakeMounts mounts = new FakeMounts(() -> false);
  private final Capacity capacity = new Capacity(10);
  private final IdleSlots pool = new IdleSlots(2);

  private Slot begin(String id) throws Exception {
    Reservation place = capacity.tryTake();
    pool.begin(id, place);
    return new Slot(
        id, "c-" + id, Instant.EPOCH, "image", mounts.create(id), SlotEngine.Entrance.OPEN, place);
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
    assertThat(pool.take()).extracting(Slot::id).isEqualTo("a");
    assertThat(pool.take()).extracting(Slot::id).isEqualTo("b");
    assertThat(pool.take()).isNull();
  }

  @Test
  void knowsASlotUntilNothingIsLeftOfIt() throws Exception {
    Slot slot = begin("a");
    assertThat(pool.knows("a")).as("while it is made").isTrue();
    pool.add(slot);
    pool.endMaking();
    pool.take();
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
}
