/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FreePortTest {
  @Test
  void theKernelAssignsNoneOfThemToAConnection() throws Exception {
    // In one read, as the kernel requires: readString would get its first character only.
    String range = Files.readAllLines(Path.of("/proc/sys/net/ipv4/ip_local_port_range")).getFirst();
    int firstAssigned = Integer.parseInt(range.split("\\s+")[0]);
    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      ports.add(FreePort.next());
    }
    assertThat(ports).doesNotHaveDuplicates().allMatch(port -> port > 1024 && port < firstAssigned);
  }
}
