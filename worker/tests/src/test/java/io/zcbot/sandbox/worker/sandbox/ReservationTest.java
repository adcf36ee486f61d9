/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ReservationTest {
  private final Capacity capacity = new Capacity(1);

  @Test
  void aFullHostHasNoPlace() {
    assertThat(capacity.tryTake()).isNotNull();
    assertThat(capacity.tryTake()).isNull();
  }

  @Test
  void thePlaceThatSomebodyWaitsForIsNotTakenBehindAll() {
    Reservation only = capacity.tryTake();
    try (var _ = capacity.beginWait()) {
      only.close();
      assertThat(capacity.tryTakeBehindAll()).isNull();
      only = capacity.tryTake();
      assertThat(only).isNotNull();
    }
    only.close();
    assertThat(capacity.tryTakeBehindAll()).isNotNull();
    assertThat(capacity.tryTakeBehindAll()).isNull();
  }

  @Test
  void aPlaceIsGivenBackOnceHoweverOftenItIsClosed() {
    Reservation place = capacity.tryTake();
    place.close();
    place.close();
    assertThat(capacity.taken()).isZero();
  }

  @Test
  void whoHandedAPlaceOverNoLongerGivesItBack() {
    Reservation place = capacity.tryTake();
    Reservation moved = place.handOver();
    place.close();
    assertThat(place.isHeld()).isFalse();
    assertThat(capacity.taken()).isEqualTo(1);
    assertThatThrownBy(place::handOver).isInstanceOf(IllegalStateException.class);
    moved.close();
    assertThat(capacity.taken()).isZero();
  }
}
