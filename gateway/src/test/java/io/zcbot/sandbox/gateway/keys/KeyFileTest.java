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

/**
 * The file of keys, and what is read from it, alone; GatewayIT has it with a gateway that follows
 * it.
 */
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

  @Test
  void sandboxesOfARevokedKeyHaveTheStrictestLimitsOfTheTenantsOtherKeys() throws Exception {
    KeyFile file = KeyFile.in(directory);
    KeyFile.Added lost = file.add("one", 0, 0, 50, 50);
    for (int[] limits : new int[][] {{0, 0}, {5, 2}, {1, 7}}) {
      var _ = file.add("one", 0, 0, limits[0], limits[1]);
    }
    var _ = file.add("other", 0, 0, 1, 1);
    ApiKeys keys = new ApiKeys(file, () -> 0);
    assertThat(keys.ofSandbox(lost.key().id(), "one")).isEqualTo(lost.key());
    assertThat(file.revoke(lost.key().id())).isPresent();
    keys = new ApiKeys(file, () -> 0);
    ApiKey instead = keys.ofSandbox(lost.key().id(), "one");
    assertThat(keys.enterCommand(instead)).isZero();
    assertThat(keys.placeOfCommand(instead)).isPresent();
    ApiKey again = keys.ofSandbox(lost.key().id(), "one");
    assertThat(keys.enterCommand(again)).as("1 command a second").isPositive();
    assertThat(keys.placeOfCommand(again)).isPresent();
    assertThat(keys.placeOfCommand(again)).as("2 commands at a time").isEmpty();
  }
}
