/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.MountType;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.command.Trial;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;

/**
 * A command's identity and the privileges that it can gain: run by the engine, as by anybody who
 * has access to its socket, and by the sandbox's runner, as for an exec on the log.
 */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@AlsoOn({Profile.RUNC_CONTAINER, Profile.RUNC_CLAIMED, Profile.ANY_IMAGE})
class PrivilegesIT extends Attacks {
  private static final String CAPABILITIES = "grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status";
  private static final String BOUNDING = "grep '^CapBnd' /proc/self/status";
  private static final String NONE_LEFT = "CapBnd:\t0000000000000000";
  private static final String SECCOMP = "grep '^Seccomp:' /proc/self/status";
  private static final String NO_NEW_PRIVILEGES =
      "python3 -c 'import ctypes; print(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0))'";
  private static final String EVERYBODY = "cat /proc/[0-9]*/status | grep ^Uid: | sort -u";
  private static final List<String> OPEN_PLACES = List.of("/etc/open/x", "/usr/open/x");

  /**
   * A sandbox of an image with a setuid program, and with directories in which everybody may write.
   */
  private Started planted;

  /** The same without its protections, and with a first process that is root. */
  private String exposed;

  @BeforeParameterizedClassInvocation
  void plant() throws Exception {
    planted =
        lab.fresh(
            lab.image(
                "RUN cp /usr/bin/id /usr/bin/suid && chmod 4755 /usr/bin/suid"
                    + " && install -d -m 0777 /etc/open /usr/open"));
    exposed =
        lab.control(
            command -> {
              HostConfig host = Objects.requireNonNull(command.withUser("0:0").getHostConfig());
              lab.onHostsKernel(host);
              // the image's own, of the user that all share; but a foreign image's runner is a
              // mount
              host.withMounts(
                      Objects.requireNonNull(host.getMounts()).stream()
                          .filter(mount -> mount.getType() == MountType.VOLUME)
                          .toList())
                  .withCapDrop()
                  .withReadonlyRootfs(false)
                  .withSecurityOpts(List.of("seccomp=unconfined"));
            },
            planted);
  }

  /** The command engine where a first process is root, as that of {@link #exposed} is. */
  private CommandEngine asSharedUser() {
    return lab.fixture.engine.commands(
        lab.fixture.withPolicy(EngineFixture.policy(FirewallMode.CONTAINER)), true);
  }

  private static String userOnly(String uid) {
    return "Uid:\t" + String.join("\t", Collections.nCopies(4, uid));
  }

  /** The same in {@link #exposed}, where the engine has to start the runner. */
  private String ranExposed(String script) throws Exception {
    try (CommandChannel channel = asSharedUser().open(exposed)) {
      return Trial.bash(channel, script).said();
    }
  }

  @Row(1)
  @Test
  void aCommandHasNoCapability() throws Exception {
    assertThat(said(lab.sandbox.id(), CAPABILITIES).lines())
        .hasSize(profile.ownKernel() ? 3 : 4) // gVisor has no ambient ones
        .allMatch(line -> line.endsWith("\t0000000000000000"));

    String control = lab.without(host -> host.withCapDrop());
    assertThat(lab.fixture.run(control, "0:0", "bash", "-c", CAPABILITIES).output().lines())
        .anyMatch(line -> line.startsWith("CapEff") && !line.endsWith("\t0000000000000000"));
  }

  @Row(1)
  @Test
  void aCommandOfTheRunnerHasNoPrivilege() throws Exception {
    assertThat(ran(lab.sandbox, CAPABILITIES).lines())
        .hasSize(profile.ownKernel() ? 3 : 4)
        .allMatch(line -> line.endsWith("\t0000000000000000"));
    assertThat(ran(lab.sandbox, NO_NEW_PRIVILEGES)).isEqualTo("1");
    if (!profile.ownKernel()) {
      assertThat(ran(lab.sandbox, SECCOMP)).isEqualTo("Seccomp:\t2");
    }

    assertThat(lab.fixture.run(exposed, "0:0", "bash", "-c", CAPABILITIES).output().lines())
        .anyMatch(line -> line.startsWith("CapEff") && !line.endsWith("\t0000000000000000"));
    assertThat(said(exposed, NO_NEW_PRIVILEGES)).isEqualTo("0");
    assertThat(ranExposed(NO_NEW_PRIVILEGES)).as("the runner gives it up itself").isEqualTo("1");
    assertThat(said(exposed, SECCOMP)).isEqualTo("Seccomp:\t0");
    assertThat(ranExposed(SECCOMP)).as("the runner has a filter itself").isEqualTo("Seccomp:\t2");
  }

  /** Prints variables and arguments of every process that a command can inspect. */
  private static final String SURROUNDINGS =
      "{ env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; } | tr '\\0' '\\n'"
          + " | grep -E '[Z]CBOT|203[.]0[.]113[.]7|198[.]51[.]100[.]0' || true";

  @Row(58)
  @Test
  void noVariableAndNoArgumentTellsOfWhatIsAround() throws Exception {
    assertThat(said(lab.sandbox.id(), SURROUNDINGS)).isEmpty();
    assertThat(ran(lab.sandbox, SURROUNDINGS)).isEmpty();

    String control =
        lab.control(command -> command.withEnv("ZCBOT_PG_IPS=203.0.113.7"), lab.sandbox);
    assertThat(said(control, SURROUNDINGS)).contains("203.0.113.7");
  }

  @Row(2)
  @Test
  void nothingIsLeftToGet() throws Exception {
    applies(2);
    assertThat(said(lab.sandbox.id(), BOUNDING)).isEqualTo(NONE_LEFT);

    String control = lab.without(host -> host.withCapAdd(Capability.NET_ADMIN));
    assertThat(said(control, BOUNDING)).isNotEqualTo(NONE_LEFT);
  }

  @Row(2)
  @Test
  void nothingIsLeftForACommandOfTheRunner() throws Exception {
    applies(2);
    assertThat(ran(lab.sandbox, BOUNDING)).isEqualTo(NONE_LEFT);
    assertThat(ranExposed(BOUNDING)).startsWith("CapBnd:\t").isNotEqualTo(NONE_LEFT);
  }

  @Row(3)
  @Test
  void aCommandWithoutAUserIsNotRoot() throws Exception {
    applies(3);
    assertThat(lab.fixture.run(lab.sandbox.id(), null, "id", "-u").output())
        .isEqualTo(lab.uid(lab.sandbox.id()));

    String control = lab.control(command -> command.withUser("0:0"), lab.sandbox);
    assertThat(lab.fixture.run(control, null, "id", "-u").output()).isEqualTo("0");
  }

  /** In every profile: no exec names a user, and the runner refuses to be root. */
  @Row(3)
  @Test
  void aCommandOfTheRunnerIsNeverRoot() throws Exception {
    String uid = lab.uid(lab.sandbox.id());
    assertThat(ran(lab.sandbox, "id -u; id -g; id -G")).isEqualTo(String.join("\n", uid, uid, uid));

    assertThat(lab.fixture.run(exposed, null, "id", "-u").output()).isEqualTo("0");
    assertThat(lab.fixture.run(exposed, null, "/usr/local/lib/zcbot/zcbot-runner").output())
        .isEqualTo("zcbot-runner: does not run commands as root");
    assertThat(ranExposed("id -u; id -g; id -G")).isEqualTo("1000\n1000\n1000");
  }

  @Row(4)
  @Test
  void noProcessThatACommandOfTheRunnerSeesIsRoot() throws Exception {
    applies(4);
    assertThat(ran(lab.sandbox, EVERYBODY)).isEqualTo(userOnly(lab.uid(lab.sandbox.id())));
    assertThat(ranExposed(EVERYBODY)).startsWith("Uid:\t0\t0\t0\t0\n");
  }

  @Row(4)
  @Test
  void theFirstProcessIsNotRoot() throws Exception {
    applies(4);
    String user = "grep ^Uid: /proc/1/status";
    assertThat(said(lab.sandbox.id(), user)).isEqualTo(userOnly(lab.uid(lab.sandbox.id())));
    assertThat(
            lab.fixture
                .docker
                .inspectContainerCmd(lab.sandbox.id())
                .exec()
                .getConfig()
                .getHealthcheck()
                .getTest())
        .as("a health check would run as the first process does")
        .containsExactly("NONE");

    String control = lab.control(command -> command.withUser("0:0"), lab.sandbox);
    assertThat(said(control, user)).isEqualTo("Uid:\t0\t0\t0\t0");
  }

  @Row(5)
  @Test
  void aSetuidProgramGainsNothing() throws Exception {
    assertThat(said(lab.sandbox.id(), "find / -xdev -perm /6000 -type f 2>/dev/null; true"))
        .as("the image has none to begin with")
        .isEmpty();
    assertThat(said(planted.id(), "suid -u")).isEqualTo(lab.uid(planted.id()));
    assertThat(ran(planted, "suid -u")).isEqualTo(lab.uid(planted.id()));

    // of gVisor's kernel there are some that know no setuid bit: the host's shows what it would do
    String control =
        lab.control(
            command -> {
              lab.onHostsKernel(command.getHostConfig());
              command.getHostConfig().withSecurityOpts(List.of());
            },
            planted);
    assertThat(said(control, "suid -u")).isEqualTo("0");
    assertThat(ranExposed("suid -u")).as("the runner forbids it as well").isEqualTo("1000");
  }

  /** Where everybody may write but for that. */
  @Row(6)
  @Test
  void theSystemIsReadOnlyForACommandOfTheRunner() throws Exception {
    try (CommandChannel channel = lab.fixture.engine.commands(lab.spec, false).open(planted.id())) {
      for (String place : OPEN_PLACES) {
        Trial writing = Trial.bash(channel, "echo x > " + place);
        assertThat(writing.end())
            .isInstanceOfSatisfying(
                CommandEnd.Exited.class, end -> assertThat(end.code()).isNotZero());
        assertThat(writing.witness().stderr()).contains("Read-only file system");
      }
    }
    for (String place : OPEN_PLACES) {
      assertThat(ranExposed("echo x > " + place + " && cat " + place)).isEqualTo("x");
    }
  }
}
