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
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
    KeyFile.Added lost = file.add("one", 0, 0, 50, 50, Set.of());
    for (int[] limits : new int[][] {{0, 0}, {5, 2}, {1, 7}}) {
      var _ = file.add("one", 0, 0, limits[0], limits[1], Set.of());
    }
    var _ = file.add("other", 0, 0, 1, 1, Set.of());
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

  @Test
  void theProfilesOfAKeyAreKept() throws Exception {
    KeyFile file = KeyFile.in(directory);
    ApiKey all = file.add("one", 0, 0).key();
    ApiKey some = file.add("one", 0, 0, 0, 0, Set.of("data-science", "default")).key();
    assertThat(file.read()).containsExactly(all, some);
    assertThat(all.mayUse("anything")).isTrue();
    assertThat(some.mayUse("data-science")).isTrue();
    assertThat(some.mayUse("other")).isFalse();
    assertThatThrownBy(() -> file.add("one", 0, 0, 0, 0, Set.of("Data")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("profiles: 'Data' is not a name of 1 to 63 characters");
  }

  /** A key whose profiles can't be understood must not become one for all. */
  @ParameterizedTest
  @ValueSource(strings = {"[]", "\"data-science\"", "null"})
  void profilesThatAreNoListOfNamesAreAnError(String profiles) throws Exception {
    KeyFile file = KeyFile.in(directory);
    ApiKey key = file.add("one", 0, 0, 0, 0, Set.of("a")).key();
    String text = Files.readString(file.path());
    Files.writeString(file.path(), text.replaceFirst("\\[ \"a\" \\]", profiles));
    assertThatThrownBy(file::read)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("profiles of the key " + key.id() + " are not a list of names");
  }
}
