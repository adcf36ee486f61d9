/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Checks an engine by what it reports about itself. Makes no calls. */
public final class EngineChecks {
  private EngineChecks() {}

  /** Checks with this release's list of vulnerabilities. */
  public static List<Finding> of(
      EngineFacts facts, SandboxSpec spec, @Nullable WorkspaceLimit limit) {
    return of(facts, spec, limit, Advisories.BUILT_IN);
  }

  /**
   * Checks the engine and its host, independently of images and networks.
   *
   * @param limit of each workspace; null for none
   * @param advisories the list of known vulnerabilities
   */
  public static List<Finding> of(
      EngineFacts facts, SandboxSpec spec, @Nullable WorkspaceLimit limit, Advisories advisories) {
    List<Finding> findings = new ArrayList<>();
    findings.add(engine(facts, advisories));
    findings.add(runc(facts, advisories));
    findings.add(
        facts.hasOwnKernel(spec)
            ? Finding.ok("kernel", "sandboxes have one of their own")
            : advised(
                "kernel",
                facts.versions().kernel(),
                advisories.of("kernel", facts.versions().kernel())));
    findings.add(advisories.finding(LocalDate.now(ZoneOffset.UTC)));
    findings.add(publishedPorts(facts));
    findings.add(runtime(facts, spec));
    findings.add(firewall(facts, spec));
    findings.add(limits(facts));
    findings.add(processors(facts, spec));
    findings.add(ioWeight(facts, spec));
    findings.add(cgroups(facts));
    findings.add(CgroupChecks.parent(facts, spec.limits().cgroupParent()));
    findings.add(seccomp(facts));
    findings.add(accessControl(facts));
    findings.add(userNamespaces(facts));
    if (limit != null) {
      findings.add(quotaHold(facts, spec));
    }
    findings.add(liveRestore(facts));
    findings.add(Finding.ok("storage", storage(facts)));
    return findings;
  }

  /** As above, for each profile; what holds for the settings as well is said once. */
  public static List<Finding> of(
      EngineFacts facts, Profiles profiles, @Nullable WorkspaceLimit limit, Advisories advisories) {
    List<Finding> usual = of(facts, profiles.usual().spec(), limit, advisories);
    List<Finding> findings = new ArrayList<>(usual);
    for (Profile profile : profiles.all()) {
      of(facts, profile.spec(), limit, advisories).stream()
          .filter(each -> !usual.contains(each))
          .forEach(each -> findings.add(each.of(profile)));
    }
    return findings;
  }

  private static Finding engine(EngineFacts facts, Advisories advisories) {
    String detail =
        facts.versions().engine()
            + " (API "
            + facts.versions().api()
            + "), kernel "
            + facts.versions().kernel();
    return advised("engine", detail, advisories.of("engine", facts.versions().engine()));
  }

  private static Finding runc(EngineFacts facts, Advisories advisories) {
    return facts.versions().runc().isEmpty()
        ? Finding.warn(
            "runc",
            "the engine does not report runc's version",
            "run 'runc --version'" + " on the host")
        : advised("runc", facts.versions().runc(), advisories.of("runc", facts.versions().runc()));
  }

  /**
   * Ports published on loopback were reachable from the same network before engine 28.0.0
   * (moby#49325).
   */
  private static Finding publishedPorts(EngineFacts facts) {
    Advisories.Version version = Advisories.Version.parse(facts.versions().engine());
    return version == null || version.major() >= 28
        ? Finding.ok(
            "published-ports", "those on the loopback address are reached from this host only")
        : Finding.warn(
            "published-ports",
            "hosts on the same network can reach what an engine before 28 publishes on the"
                + " loopback address (moby#45610), such as Kafka and the worker of compose.yaml",
            "update the engine, or drop what comes in for 127.0.0.0/8 on other interfaces and what"
                + " hosts send to the bridges' subnets; and give Kafka SASL");
  }

  private static Finding advised(String check, String detail, List<String> advisories) {
    return advisories.isEmpty()
        ? Finding.ok(check, detail)
        : Finding.warn(
            check,
            detail + " is affected by " + String.join("; ", advisories),
            "update it, or make sure that your distribution has fixed this version");
  }

  private static Finding runtime(EngineFacts facts, SandboxSpec spec) {
    EngineFacts.Runtimes runtimes = facts.runtimes();
    String wanted = spec.runtime();
    String all =
        new TreeSet<>(runtimes.byName().keySet())
            .stream()
                .map(name -> name + (runtimes.hasOwnKernel(name) ? " (a kernel of its own)" : ""))
                .collect(Collectors.joining(", "));
    if (wanted != null && !runtimes.byName().containsKey(wanted)) {
      return Finding.fail(
          "runtime",
          "the engine has no " + wanted + ", only " + all,
          "register it with the engine, or unset ZCBOT_SANDBOX_RUNTIME");
    }
    return Finding.ok(
        "runtime",
        (wanted == null ? "the engine's default, " + runtimes.defaultName() : wanted)
            + (facts.hasOwnKernel(spec)
                ? ", with a kernel of its own"
                : ", on the host's kernel, which hostile code can attack")
            + "; the engine has "
            + all);
  }

  private static Finding firewall(EngineFacts facts, SandboxSpec spec) {
    String problem = facts.firewallProblem(spec);
    return problem == null
        ? Finding.ok("firewall", "mode " + spec.policy().firewall().name().toLowerCase(Locale.ROOT))
        : Finding.fail("firewall", problem, "set ZCBOT_SANDBOX_FIREWALL=host");
  }

  private static Finding limits(EngineFacts facts) {
    return facts.cgroups().unlimited().isEmpty()
        ? Finding.ok("limits", "memory, swap, cpu and pids can be limited")
        : Finding.fail(
            "limits",
            "the engine can't limit " + String.join(", ", facts.cgroups().unlimited()),
            "enable these cgroup controllers in the kernel of the engine's host"
                + (facts.cgroups().version() == 2
                    ? "; if only swap is missing, start the engine in its own cgroup, as service"
                        + " managers do: in the root cgroup it does not detect the swap controller"
                    : ""));
  }

  private static Finding processors(EngineFacts facts, SandboxSpec spec) {
    double wanted = spec.limits().cpus();
    int there = facts.processors();
    return there == 0 || wanted <= there
        ? Finding.ok("processors", "a sandbox can use as many as " + wanted)
        : Finding.fail(
            "processors",
            "the engine refuses containers that can use " + wanted + " processors: it has " + there,
            "set ZCBOT_SANDBOX_CPUS to at most " + there);
  }

  private static Finding ioWeight(EngineFacts facts, SandboxSpec spec) {
    Integer weight = spec.limits().ioWeight();
    if (weight == null) {
      return Finding.ok("io-weight", "not configured");
    }
    return facts.cgroups().weighsIo()
        ? Finding.ok(
            "io-weight",
            weight + ", on disks with the scheduler bfq, or with io.cost where bfq is not loaded")
        : Finding.fail(
            "io-weight",
            "the engine ignores the weight "
                + weight
                + (facts.cgroups().version() == 2
                    ? ", because it has no io controller"
                    : ", because it does not use cgroup version 2"),
            "boot the engine's host with cgroup version 2 and the io controller, or unset"
                + " ZCBOT_SANDBOX_IO_WEIGHT");
  }

  private static Finding cgroups(EngineFacts facts) {
    return facts.cgroups().version() == 2
        ? Finding.ok("cgroups", "version 2")
        : Finding.warn(
            "cgroups",
            "version " + (facts.cgroups().version() == 0 ? "unknown" : facts.cgroups().version()),
            "boot the host with cgroup version 2: it counts what sockets hold as memory of their"
                + " sandbox, which version 1 counts for nobody, and tmpfs and buffered writes more"
                + " accurately");
  }

  private static Finding seccomp(EngineFacts facts) {
    String option = facts.option("seccomp");
    if (option == null || option.contains("profile=unconfined")) {
      return Finding.fail(
          "seccomp",
          option == null
              ? "the engine has no seccomp support"
              : "the engine's default profile is" + " unconfined",
          "run the engine with its built-in seccomp profile, on a kernel that has seccomp");
    }
    return Finding.ok("seccomp", option);
  }

  private static Finding accessControl(EngineFacts facts) {
    String option = facts.has("apparmor") ? facts.option("apparmor") : facts.option("selinux");
    return option != null
        ? Finding.ok("mac", option)
        : Finding.warn(
            "mac",
            "neither AppArmor nor SELinux is enabled",
            "enable the one that your distribution supports; it is a further barrier if seccomp"
                + " or namespaces fail");
  }

  private static Finding userNamespaces(EngineFacts facts) {
    if (facts.has("rootless")) {
      return Finding.ok("userns", "the engine is rootless");
    }
    return facts.has("userns")
        ? Finding.ok("userns", "root in a sandbox is an unprivileged user on the host")
        : Finding.warn(
            "userns",
            "root in a container is root on the host",
            "run the engine with userns-remap");
  }

  /**
   * Checks whether sandboxes can evade the workspace limit: the kernel lets the owner of a file
   * change its project, except from within a user namespace. The runner's filter refuses that to
   * its commands.
   */
  private static Finding quotaHold(EngineFacts facts, SandboxSpec spec) {
    if (facts.remapsUsers() || facts.has("rootless")) {
      return Finding.ok("quota-hold", "code in a sandbox can't change the project of its files");
    }
    return facts.hasOwnKernel(spec)
        ? Finding.ok(
            "quota-hold",
            "sandboxes can't change the project of their files, because"
                + " they have a kernel of their own")
        : Finding.warn(
            "quota-hold",
            "hostile code that 'docker exec' runs in a sandbox can evade the limit of its workspace"
                + " by moving files to another project; commands of sandbox.exec can't",
            "run the engine with userns-remap, or the sandboxes on gVisor (ZCBOT_SANDBOX_RUNTIME)");
  }

  private static Finding liveRestore(EngineFacts facts) {
    return facts.liveRestore()
        ? Finding.ok("live-restore", "sandboxes keep running while the engine restarts")
        : Finding.warn(
            "live-restore",
            "a restart of the engine ends every sandbox",
            "set live-restore in the engine's configuration");
  }

  private static String storage(EngineFacts facts) {
    return facts.storage().driver()
        + (facts.storage().backingFilesystem().isEmpty()
            ? ""
            : " on " + facts.storage().backingFilesystem());
  }
}
