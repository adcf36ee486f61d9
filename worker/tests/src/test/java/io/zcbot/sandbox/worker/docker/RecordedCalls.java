/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.List;

/** Records each engine call as operation and result. */
record RecordedCalls(List<String> calls) implements SandboxMetrics {
  @Override
  public void engineCall(String operation, String result, Duration took) {
    calls.add(operation + " " + result);
  }

  @Override
  public void channelOpened(ChannelWay way) {
    calls.add("channel " + way);
  }

  @Override
  public void channelFellBack() {
    calls.add("fallback");
  }
}
