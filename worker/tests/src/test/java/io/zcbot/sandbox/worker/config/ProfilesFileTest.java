/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.Warm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The file of profiles. No other test has one; SettingTest covers the settings' own kinds. */
class ProfilesFileTest {
  private static final String RULE =
      "1 to 63 characters, lower-case letters, digits and hyphens, no hyphen first or last";

  @TempDir Path directory;
  private Path file;
  private final Map<String, String> env = new HashMap<>();

  @BeforeEach
  void setUp() {
    file = directory.resolve("profiles.yaml");
    env.put("ZCBOT_WORKER_ID", "w");
    env.put("ZCBOT_HOST", "h");
    env.put("ZCBOT_PROFILES", file.toString());
  }

  private Profiles read(String yaml) throws IOException, ConfigException {
    Files.writeString(file, yaml);
    return WorkerConfig.fromEnvironment(env).profiles();
  }

  private Profile one(String fields) throws IOException, ConfigException {
    return Objects.requireNonNull(read("profiles:\n  p:\n" + fields.indent(4)).find("p"));
  }

  /** The problems of a file, without its path. */
  private List<String> problems(String yaml) throws IOException {
    try {
      Profiles read = read(yaml);
      throw new AssertionError("was accepted: " + read.all());
    } catch (ConfigException e) {
      return e.problems().stream().map(p -> p.toString().replace(file.toString(), "FILE")).toList();
    }
  }

  private String problem(String fields) throws IOException {
    List<String> all = problems("profiles:\n  p:\n" + fields.indent(4));
    assertThat(all).hasSize(1);
    return all.getFirst();
  }

  @Test
  void aProfileHasWhatTheFileGivesIt() throws Exception {
    Profile profile =
        one(
            """
            image: registry/data@sha256:00
            runtime: runsc
            memory: 4GiB
            cpus: 2
            pids: 512
            tmp: 1g
            idle_ttl: 30m
            idle_ttl_max: 2h
            max_lifetime: off
            network: {egress: [10.1.2.3, 192.0.2.0/24], dns: off}
            warm: 1-4
            environment: {PIP_INDEX_URL: "http://10.1.2.3/simple", LEVEL: 3}
            """);
    assertThat(profile.name()).isEqualTo("p");
    assertThat(profile.spec().image()).isEqualTo("registry/data@sha256:00");
    assertThat(profile.spec().runtime()).isEqualTo("runsc");
    assertThat(profile.spec().limits().memoryBytes()).isEqualTo(4L << 30);
    assertThat(profile.spec().limits().cpus()).isEqualTo(2.0);
    assertThat(profile.spec().limits().pids()).isEqualTo(512);
    assertThat(profile.spec().limits().tmpBytes()).isEqualTo(1L << 30);
    assertThat(profile.idleTtls())
        .isEqualTo(
            new IdleTtls(Duration.ofMinutes(30), Duration.ofSeconds(10), Duration.ofHours(2)));
    assertThat(profile.maxLifetime()).isNull();
    assertThat(profile.spec().policy().egress())
        .isEqualTo(new Egress.Only(List.of("10.1.2.3", "192.0.2.0/24")));
    assertThat(profile.warm()).isEqualTo(new Warm(1, 4));
    assertThat(profile.environment())
        .isEqualTo(Map.of("PIP_INDEX_URL", "http://10.1.2.3/simple", "LEVEL", "3"));
  }

  @Test
  void whatItLeavesOutComesFromTheSettings() throws Exception {
    env.put("ZCBOT_SANDBOX_MEMORY", "3g");
    env.put("ZCBOT_SANDBOX_WARM", "0");
    env.put("ZCBOT_PG_IPS", "10.9.9.9");
    Profiles profiles = read("profiles: {p: {cpus: 2}, q: {}}");
    Profile usual = profiles.usual();
    assertThat(profiles.all()).extracting(Profile::name).containsExactly("default", "p", "q");
    assertThat(Objects.requireNonNull(profiles.find("q")))
        .isEqualTo(
            new Profile(
                "q", usual.spec(), usual.idleTtls(), usual.maxLifetime(), usual.warm(), Map.of()));
    Profile other = Objects.requireNonNull(profiles.find("p"));
    assertThat(other.spec().limits().memoryBytes()).isEqualTo(3L << 30);
    assertThat(other.spec().policy()).isEqualTo(usual.spec().policy());
    assertThat(other.spec().network()).isEqualTo(usual.spec().network());
  }

  @Test
  void addressesThatNoSandboxMayReachAreAdded() throws Exception {
    env.put("ZCBOT_PG_IPS", "10.9.9.9");
    assertThat(one("network: {pg_ips: [10.8.8.8]}").spec().policy().pgIps())
        .containsExactly("10.9.9.9", "10.8.8.8");
  }

  @Test
  void anotherPolicyHasANetworkOfItsOwn() throws Exception {
    Profiles profiles =
        read(
            """
            profiles:
              closed: {network: {egress: none}}
              narrow: {network: {egress: 10.1.2.3}}
              named: {network: {egress: 10.1.2.4, name: other}}
              same: {network: {egress: 10.1.2.4, name: other}}
              usual: {network: {egress: public}}
            """);
    assertThat(
            profiles.all().stream()
                .collect(Collectors.toMap(Profile::name, p -> p.spec().network())))
        .isEqualTo(
            Map.of(
                "default", "zcbot-sandbox",
                "closed", "zcbot-sandbox",
                "narrow", "zcbot-sandbox-narrow",
                "named", "other",
                "same", "other",
                "usual", "zcbot-sandbox"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "memory: 2XB | FILE:3 p.memory=2XB: must be a size from 64m to 1t, e.g. 512m or 2g",
        "cpus: many | FILE:3 p.cpus=many: must be a number from 0.01 to 1024, e.g. 1.5",
        "pids: 1 | FILE:3 p.pids=1: must be a whole number from 16 to 4194304",
        "image: 'a b' | FILE:3 p.image=a b: must be an image reference",
        "idle_ttl: soon | FILE:3 p.idle_ttl=soon: must be a duration from 1s to 30d, e.g. 300"
            + " (seconds), 90s, 5m, 2h or PT5M",
        "warm: 300 | FILE:3 p.warm=300: must be a whole number from 0 to 256, auto, or a range of"
            + " numbers above 0, e.g. 4-40",
        "network: {egress: 0.0.0.0/0} | FILE:3 p.network.egress=0.0.0.0/0: '0.0.0.0/0' is every"
            + " address; write public instead",
        "memry: 2g | FILE:3 p.memry=…: there is no such field; did you mean memory?",
        "network: {egres: none} | FILE:3 p.network.egres=…: there is no such field; did you mean"
            + " network.egress?",
        "network: none | FILE:3 p.network='none': must be a mapping, a list of name: value",
        "memory: [1g, 2g] | FILE:3 p.memory=[…]: must be one value",
        "network: {egress: {a: b}} | FILE:3 p.network.egress={…}: must be a value or a list of"
            + " values",
        "network: {egress: [[10.1.1.1]]} | FILE:3 p.network.egress=[…]: each element must be a"
            + " text",
        "memory: | FILE:3 p.memory='': has no value; give it one, or remove it",
        "'memory: \"\"' | FILE:3 p.memory='': is empty; remove it",
        "environment: {'A=B': c} | FILE:3 p.environment='A=B': a variable needs a name without =,"
            + " and neither may contain a NUL",
        "environment: [A] | FILE:3 p.environment=[…]: must be a mapping, a list of name: value",
        "environment: {A: [b]} | FILE:3 p.environment.A=[…]: must be one value",
        "'{memory: 2g, memory: 3g}' | FILE:3 p=memory: is there twice; remove one",
        "'{? [a] : b}' | FILE:3 p=[…]: a name must be a text",
        "idle_ttl_max: 1m | FILE:3 p.idle_ttl_max=1m: must not be shorter than"
            + " ZCBOT_SANDBOX_IDLE_TTL, which is 5m",
        "'{idle_ttl: 9m, idle_ttl_max: 1m}' | FILE:3 p.idle_ttl_max=1m: must not be shorter than"
            + " idle_ttl, which is 9m",
        "idle_ttl: 2s | FILE:3 p=ZCBOT_REAPER_INTERVAL=10s: must not be longer than idle_ttl, which"
            + " is 2s",
        "'{memory: 100m, tmp: 200m}' | FILE:3 p.tmp=200m: must be smaller than memory, which is"
            + " 100m: a full /tmp would use up the sandbox's memory",
        "network: {egress: 10.1.1.1, name: zcbot-sandbox} | FILE:3 p.network.name=zcbot-sandbox: is"
            + " the network of the settings, which has another policy; give this profile another"
            + " name",
      })
  void aFieldThatIsWrongIsNamedWithItsLine(String fields, String expected) throws IOException {
    assertThat(problem(fields)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "profiles: {default: {}} | FILE:1 profiles='default': is the profile that the settings"
            + " make; choose another name",
        "profiles: {Data: {}} | FILE:1 profiles='Data': a profile's name must have " + RULE,
        "profiles: {-a: {}} | FILE:1 profiles='-a': a profile's name must have " + RULE,
        "profiles: [a] | FILE:1 profiles=[…]: must be a mapping, a list of name: value",
        "profiles: {a: 1} | FILE:1 a='1': must be a mapping, a list of name: value",
        "profile: {} | FILE:1 the file='profile': there is no such field; did you mean profiles?",
        "hello | FILE:1 the file='hello': must be a mapping, a list of name: value",
        "'# nothing' | ZCBOT_PROFILES=FILE: is empty; write profiles: and at least one",
        "profiles: {a: {warm: 200}, b: {warm: 55}} | FILE:1 profiles=257 warm slots: all profiles"
            + " and the settings may keep 256 warm together; give some a smaller warm",
      },
      quoteCharacter = '~')
  void aFileThatIsWrongSaysHow(String yaml, String expected) throws IOException {
    assertThat(problems(yaml.replaceAll("^'|'$", ""))).containsExactly(expected);
  }

  @Test
  void whatIsNoYamlIsRefused() throws IOException {
    assertThat(problems("profiles: {a: {}\n")).singleElement().asString().contains("is no YAML");
    assertThat(problems("a: {}\n---\nb: {}\n")).singleElement().asString().contains("is no YAML");
  }

  @Test
  void limitsHoldBeforeAnythingIsMadeOfTheFile() throws IOException {
    assertThat(problems("profiles: {}\n" + "# padding\n".repeat(1 << 17)))
        .containsExactly("ZCBOT_PROFILES=FILE: is larger than 1 MiB; make it smaller");
    assertThat(problems("profiles: " + "[".repeat(50) + "]".repeat(50)))
        .singleElement()
        .asString()
        .contains("is no YAML");
    assertThat(problems("profiles: {a: &all {memory: 2g}, b: *all}"))
        .singleElement()
        .asString()
        .contains("is no YAML")
        .contains("aliases");
    String many =
        IntStream.range(0, 65)
            .mapToObj(i -> "  p" + i + ": {warm: 0}\n")
            .collect(Collectors.joining());
    assertThat(problems("profiles:\n" + many))
        .containsExactly("FILE:2 profiles=65 profiles: at most 64 are possible; remove some");
    assertThat(problem("environment: {A: " + "x".repeat(17_000) + "}"))
        .isEqualTo(
            "FILE:3 p.environment=1 variables of 17003 bytes: at most 64 variables of 16 KiB are"
                + " possible; remove some");
  }

  @Test
  void tagsMakeNoObjects() throws IOException {
    assertThat(problems("profiles: !!java.net.URL ['http://10.1.1.1']"))
        .singleElement()
        .asString()
        .contains("FILE:1: is no YAML: Global tag is not allowed");
  }

  @Test
  void aFileThatIsMissingOrNoTextIsNamed() throws IOException {
    try {
      var _ = WorkerConfig.fromEnvironment(env);
      throw new AssertionError("a missing file was accepted");
    } catch (ConfigException e) {
      assertThat(e.getMessage()).contains("could not be read").contains(file.toString());
    }
    Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe});
    try {
      var _ = WorkerConfig.fromEnvironment(env);
      throw new AssertionError("a binary file was accepted");
    } catch (ConfigException e) {
      assertThat(e.getMessage()).contains("is not a text in UTF-8");
    }
    assertThat(new String(Files.readAllBytes(file), UTF_8)).isNotEmpty();
  }

  @Test
  void allProblemsOfTheFileAndTheSettingsAreToldAtOnce() throws IOException {
    env.put("ZCBOT_SANDBOX_PIDS", "x");
    assertThat(problems("profiles:\n  a:\n    memory: 1\n  b:\n    cpus: 0\n    tmp: z\n"))
        .hasSize(4)
        .anySatisfy(p -> assertThat(p).startsWith("ZCBOT_SANDBOX_PIDS=x"))
        .anySatisfy(p -> assertThat(p).startsWith("FILE:3 a.memory=1:"))
        .anySatisfy(p -> assertThat(p).startsWith("FILE:5 b.cpus=0:"))
        .anySatisfy(p -> assertThat(p).startsWith("FILE:6 b.tmp=z:"));
  }

  @Test
  void profilesRequireTheHostsFirewall() throws IOException {
    env.put("ZCBOT_SANDBOX_FIREWALL", "both");
    assertThat(problems("profiles: {a: {}}"))
        .containsExactly(
            "ZCBOT_PROFILES=FILE: requires ZCBOT_SANDBOX_FIREWALL=host; set that as well");
  }

  @Test
  void anUnsetBoundFollowsTheProfilesOwnTtl() throws Exception {
    assertThat(one("idle_ttl: 1h").idleTtls())
        .isEqualTo(new IdleTtls(Duration.ofHours(1), Duration.ofSeconds(10), Duration.ofHours(1)));
    assertThat(one("idle_ttl: 1h").maxLifetime()).isEqualTo(Duration.ofHours(24));
  }
}
