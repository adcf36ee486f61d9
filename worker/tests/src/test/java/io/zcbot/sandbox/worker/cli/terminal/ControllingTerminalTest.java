/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.TerminalSize;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ControllingTerminalTest {
  @Test
  void sttyNamesTheRowsFirst() {
    assertThat(ControllingTerminal.parse("24 80\n")).isEqualTo(new TerminalSize(80, 24));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0 0\n", "", "x", "24", "-1 80", "99999 99999", "stty: no such device"})
  void whatIsNoSizeIsNone(String size) {
    assertThat(ControllingTerminal.parse(size)).isNull();
  }
}
