/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.keys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The file of keys alone; GatewayIT has it with a gateway that follows it. */
class KeyFileTest {
  @TempDir private Path directory;

  @Test
  void aTimeThatIsNoneIsAnErrorThatNamesTheFile() throws Exception {
    KeyFile file = KeyFile.in(directory);
    Files.writeString(
        file.path(),
        "{\"keys\":[{\"tenant\":\"a\",\"sha256\":\""
            + "0".repeat(64)
            + "\",\"created_at\":\"yesterday\"}]}");
    assertThatThrownBy(file::read)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("keys.json can't be understood");
  }

  @Test
  void aRevocationIsKeptForItsTenant() throws Exception {
    KeyFile file = KeyFile.in(directory);
    KeyFile.Added one = file.add("one", 0, 0);
    KeyFile.Added other = file.add("other", 0, 0);
    assertThat(file.revoke("nosuch")).isEmpty();
    assertThat(file.content().revokedAt()).isEmpty();
    assertThat(file.revoke(one.key().id())).contains(one.key());
    KeyFile.Content content = file.content();
    assertThat(content.keys()).containsExactly(other.key());
    assertThat(content.revokedAt()).containsOnlyKeys("one");
    var _ = file.add("one", 0, 0);
    assertThat(file.content().revokedAt()).isEqualTo(content.revokedAt());
  }
}
