/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import java.util.List;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Nobody can choose an id so that it shares another user's place. */
class HashBucketsTest {
  /** All have the hash code 0. */
  private static final List<UserId> CHOSEN =
      LongStream.range(0, 1000).mapToObj(i -> new UserId(new UUID(i << 20, i << 20))).toList();

  @Test
  void usersOfOneHashCodeHavePlacesOfTheirOwn() {
    HashBuckets places = HashBuckets.drawn();
    assertThat(CHOSEN.stream().map(places::of).distinct().count()).isGreaterThan(500);
    assertThat(CHOSEN).allSatisfy(user -> assertThat(places.of(user)).isBetween(0, 1023));
  }

  @Test
  void whoSharesAPlaceDependsOnTheProcess() {
    assertThat(placesOf(HashBuckets.drawn())).isNotEqualTo(placesOf(HashBuckets.drawn()));
    assertThat(placesOf(new HashBuckets(1))).isEqualTo(placesOf(new HashBuckets(1)));
  }

  private static List<Integer> placesOf(HashBuckets places) {
    return CHOSEN.stream().map(places::of).toList();
  }
}
