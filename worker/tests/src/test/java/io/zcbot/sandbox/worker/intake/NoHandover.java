/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.Ownership;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** For tests in which partitions are assigned and lost without further effects. */
final class NoHandover implements Handover {
  @Override
  public Map<Integer, CompletableFuture<@Nullable Void>> assigned(
      Map<Integer, Ownership> partitions) {
    return partitions.keySet().stream()
        .collect(Collectors.toMap(number -> number, _ -> CompletableFuture.completedFuture(null)));
  }

  @Override
  public void lost(Set<Integer> partitions) {}

  @Override
  public CompletableFuture<@Nullable Void> released(Set<Integer> partitions) {
    return CompletableFuture.completedFuture(null);
  }
}
