/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;

/**
 * How far the topics are read.
 *
 * @param upTo the time until which everything published is known, in milliseconds since 1970; 0
 *     before everything was read once
 * @param behind the number of records that are not read yet
 * @param problem why the topics can't be read; empty if they can
 */
record FollowState(long upTo, long behind, String problem) {
  static final FollowState STARTING = new FollowState(0, 0, "");

  FollowState failing(String why) {
    return new FollowState(upTo, behind, ShownText.message(why));
  }

  void write(JsonGenerator json) throws IOException {
    json.writeNumberField("upTo", upTo);
    json.writeNumberField("behind", behind);
    json.writeStringField("problem", problem);
  }
}
