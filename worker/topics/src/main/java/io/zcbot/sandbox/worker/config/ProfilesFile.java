/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.config.ConfigException.Problem;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.Warm;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.Node;

/**
 * The operator's file of profiles. What a profile leaves out comes from the settings. The file is
 * checked as a whole, like the settings, and with the same kinds. Thread-safe.
 */
public final class ProfilesFile {
  static final String KEY = "ZCBOT_PROFILES";

  private static final int MOST_BYTES = 1 << 20;
  private static final int MOST_NESTING = 8;
  private static final int MOST_VARIABLES = 64;
  private static final int MOST_VARIABLE_BYTES = 16 << 10;
  private static final String NEVER = "ZCBOT_PG_IPS";
  private static final int LONGEST_NETWORK = 128;

  private final Path file;
  private final Map<String, String> settings;
  private final Profile usual;

  /**
   * Creates a file without reading it.
   *
   * @param settings the environment of the worker
   * @param usual the profile that the settings make
   */
  ProfilesFile(Path file, Map<String, String> settings, Profile usual) {
    this.file = file;
    this.settings = Map.copyOf(settings);
    this.usual = usual;
  }

  /**
   * Reads the file.
   *
   * @throws ConfigException with all problems
   */
  public Profiles read() throws ConfigException {
    List<Problem> problems = new ArrayList<>();
    Profiles read = read(problems);
    if (!problems.isEmpty()) {
      throw new ConfigException(problems);
    }
    return read;
  }

  /** As {@link #read()}, with its problems among those of the settings. */
  Profiles read(SettingsReader in) {
    List<Problem> problems = new ArrayList<>();
    Profiles read = read(problems);
    problems.forEach(each -> in.problem(each.key(), each.value(), each.problem()));
    return read;
  }

  private Profiles read(List<Problem> problems) {
    String text = text(problems);
    Node root = text == null ? null : parsed(text, problems);
    if (root == null) {
      return Profiles.only(usual);
    }
    return new Reading(problems).profiles(root);
  }

  private @Nullable String text(List<Problem> problems) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MOST_BYTES + 1);
      if (bytes.length > MOST_BYTES) {
        problems.add(new Problem(KEY, file.toString(), "is larger than 1 MiB; make it smaller"));
        return null;
      }
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException _) {
      problems.add(new Problem(KEY, file.toString(), "is not a text in UTF-8; save it as one"));
    } catch (IOException e) {
      problems.add(
          new Problem(
              KEY,
              file.toString(),
              "could not be read: " + e + "; make it readable, or unset the setting"));
    }
    return null;
  }

  private @Nullable Node parsed(String text, List<Problem> problems) {
    LoaderOptions limits = new LoaderOptions();
    limits.setCodePointLimit(MOST_BYTES);
    limits.setMaxAliasesForCollections(0);
    limits.setNestingDepthLimit(MOST_NESTING);
    try {
      Node root = new Yaml(limits).compose(new StringReader(text));
      if (root == null) {
        problems.add(
            new Problem(KEY, file.toString(), "is empty; write profiles: and at least one"));
      }
      return root;
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 1 : e.getProblemMark().getLine() + 1;
      problems.add(new Problem(KEY, file + ":" + line, "is no YAML: " + e.getProblem()));
    } catch (YAMLException e) {
      problems.add(new Problem(KEY, file.toString(), "is no YAML: " + e.getMessage()));
    }
    return null;
  }

  /** One reading of the file. */
  private final class Reading {
    private final List<Problem> problems;
    private final List<Problem> ofSettings;
    private final Duration reaperInterval;
    private final Map<String, NetworkPolicy> networks = new HashMap<>();
    private final Map<String, String> networkUsers = new HashMap<>();

    private Reading(List<Problem> problems) {
      this.problems = problems;
      SettingsReader in = new SettingsReader(settings, () -> "");
      this.reaperInterval = new Sections(in).reaper.interval;
      this.ofSettings = in.problems();
      networks.put(usual.spec().network(), usual.spec().policy());
      networkUsers.put(usual.spec().network(), "the settings");
    }

    private void problem(int line, String where, String value, String problem) {
      problems.add(new Problem(file + ":" + line + " " + where, value, problem));
    }

    Profiles profiles(Node root) {
      YamlMapping top = YamlMapping.of(root, "the file", this::problem);
      List<Profile> named = new ArrayList<>();
      if (top == null) {
        return Profiles.only(usual);
      }
      top.fields()
          .forEach(
              (field, value) -> {
                if (field.equals("profiles")) {
                  YamlMapping all = YamlMapping.of(value, "profiles", this::problem);
                  if (all != null) {
                    named.addAll(profiles(all));
                  }
                } else {
                  problem(
                      YamlMapping.lineOf(value),
                      "the file",
                      YamlMapping.quoted(field),
                      "there is no such field; did you mean profiles?");
                }
              });
      if (!named.isEmpty() && usual.spec().policy().firewall() != FirewallMode.HOST) {
        problems.add(
            new Problem(
                KEY, file.toString(), "requires ZCBOT_SANDBOX_FIREWALL=host; set that as well"));
      }
      return new Profiles(usual, named);
    }

    private List<Profile> profiles(YamlMapping all) {
      if (all.fields().size() > Profiles.MOST) {
        problem(
            all.line(),
            "profiles",
            all.fields().size() + " profiles",
            "at most " + Profiles.MOST + " are possible; remove some");
        return List.of();
      }
      List<Profile> named = new ArrayList<>();
      all.fields()
          .forEach(
              (name, value) -> {
                Profile read = profile(name, value);
                if (read != null) {
                  named.add(read);
                }
              });
      int least = usual.warm().least() + named.stream().mapToInt(p -> p.warm().least()).sum();
      if (least > Warm.MOST) {
        problem(
            all.line(),
            "profiles",
            least + " warm slots",
            "all profiles and the settings may keep "
                + Warm.MOST
                + " warm together; give some a smaller warm");
      }
      return named;
    }

    private @Nullable Profile profile(String name, Node value) {
      int line = YamlMapping.lineOf(value);
      if (!ProfileName.isValid(name) || name.equals(ProfileName.DEFAULT)) {
        problem(
            line,
            "profiles",
            YamlMapping.quoted(name),
            name.equals(ProfileName.DEFAULT)
                ? "is the profile that the settings make; choose another name"
                : "a profile's name must have " + ProfileName.RULE);
        return null;
      }
      YamlMapping fields = YamlMapping.of(value, name, this::problem);
      return fields == null ? null : new OneProfile(name, fields.line()).of(fields);
    }

    /** One profile of the file. */
    private final class OneProfile {
      private final String name;
      private final int line;

      /** What the file gives instead of settings, by the settings' keys. */
      private final Map<String, Given> given = new LinkedHashMap<>();

      private final Map<String, String> environment = new LinkedHashMap<>();

      private OneProfile(String name, int line) {
        this.name = name;
        this.line = line;
      }

      private Profile of(YamlMapping fields) {
        collect(fields, "");
        SettingsReader in = new SettingsReader(overlay(), () -> "");
        Sections read = new Sections(in);
        in.problems().stream().filter(each -> !ofSettings.contains(each)).forEach(this::inFile);
        return new Profile(
            name,
            inItsNetwork(read.spec),
            new IdleTtls(
                read.reaper.idleTtl, read.reaper.shortestIdleTtl, read.reaper.longestIdleTtl),
            read.reaper.maxLifetime,
            read.capacity.warm,
            environment);
      }

      private void collect(YamlMapping fields, String prefix) {
        fields
            .fields()
            .forEach(
                (field, value) -> {
                  String full = prefix + field;
                  String where = name + "." + full;
                  String setting = ProfileFields.setting(full);
                  if (setting != null) {
                    String text =
                        YamlMapping.text(
                            value, ProfileFields.mayBeList(full), where, Reading.this::problem);
                    if (text != null && text.isBlank()) {
                      problem(YamlMapping.lineOf(value), where, "''", "is empty; remove it");
                    } else if (text != null) {
                      given.put(setting, new Given(YamlMapping.lineOf(value), text));
                    }
                  } else if (full.equals(ProfileFields.NETWORK)) {
                    YamlMapping network = YamlMapping.of(value, where, Reading.this::problem);
                    if (network != null) {
                      collect(network, ProfileFields.NETWORK + ".");
                    }
                  } else if (full.equals(ProfileFields.ENVIRONMENT)) {
                    YamlMapping variables = YamlMapping.of(value, where, Reading.this::problem);
                    if (variables != null) {
                      environment(variables);
                    }
                  } else {
                    problem(
                        YamlMapping.lineOf(value),
                        where,
                        "…",
                        "there is no such field; did you mean "
                            + ProfileFields.nearest(field, prefix)
                            + "?");
                  }
                });
      }

      private void environment(YamlMapping variables) {
        String where = name + "." + ProfileFields.ENVIRONMENT;
        long bytes = 0;
        for (Map.Entry<String, Node> variable : variables.fields().entrySet()) {
          String key = variable.getKey();
          int at = YamlMapping.lineOf(variable.getValue());
          String text =
              YamlMapping.text(
                  variable.getValue(), false, where + "." + key, Reading.this::problem);
          if (text == null) {
            continue;
          }
          if (key.isEmpty() || key.indexOf('=') >= 0 || (key + text).indexOf('\0') >= 0) {
            problem(
                at,
                where,
                YamlMapping.quoted(key),
                "a variable needs a name without =, and neither may contain a NUL");
          }
          bytes += (key + "=" + text).getBytes(StandardCharsets.UTF_8).length + 1;
          environment.put(key, text);
        }
        if (environment.size() > MOST_VARIABLES || bytes > MOST_VARIABLE_BYTES) {
          problem(
              variables.line(),
              where,
              environment.size() + " variables of " + bytes + " bytes",
              "at most 64 variables of 16 KiB are possible; remove some");
        }
      }

      private Map<String, String> overlay() {
        Map<String, String> overlay = new HashMap<>(settings);
        overlay.remove("ZCBOT_SANDBOX_NOTICE"); // not given to a sandbox with a shorter idle TTL
        overlay.put("ZCBOT_REAPER_INTERVAL", Durations.shown(reaperInterval)); // the same for all
        given.forEach((setting, value) -> overlay.put(setting, value.text));
        overlay.merge(NEVER, settings.getOrDefault(NEVER, ""), ProfilesFile::both);
        return overlay;
      }

      /** Reports a problem of a setting where the file gave its value, or where the profile is. */
      private void inFile(Problem problem) {
        Given at = given.get(problem.key());
        String said = ProfileFields.inWordsOfTheFile(problem.problem(), given);
        if (at == null) {
          problem(line, name, problem.key() + "=" + problem.value(), said);
        } else {
          String field = name + "." + ProfileFields.field(problem.key());
          problem(at.line, field, problem.value(), said);
        }
      }

      /** Another policy than that of the settings needs a bridge of its own. */
      private SandboxSpec inItsNetwork(SandboxSpec spec) {
        Given named = given.get("ZCBOT_SANDBOX_NETWORK");
        boolean own =
            named == null
                && spec.policy().hasNetwork()
                && !spec.policy().equals(usual.spec().policy());
        String network = own ? spec.network() + "-" + name : spec.network();
        int at = named == null ? line : named.line;
        String where = name + "." + ProfileFields.NETWORK_NAME;
        if (network.length() > LONGEST_NETWORK) {
          problem(at, where, network, "is longer than 128 characters; give a shorter one");
        }
        if (spec.policy().hasNetwork()) {
          NetworkPolicy other = networks.putIfAbsent(network, spec.policy());
          if (other == null) {
            networkUsers.put(network, name);
          } else if (!other.equals(spec.policy())) {
            problem(
                at,
                where,
                network,
                "is the network of "
                    + networkUsers.get(network)
                    + ", which has another policy; give this profile another name");
          }
        }
        return new SandboxSpec(spec.image(), spec.runtime(), spec.limits(), network, spec.policy());
      }
    }
  }

  /** What no sandbox may reach, by the settings, a profile can only add to. */
  private static String both(String ofProfile, String ofSettings) {
    return ofProfile.equals(ofSettings) ? ofSettings : ofSettings + "," + ofProfile;
  }

  /** A value that the file gives. */
  private record Given(int line, String text) {}

  /** The sections of the settings that a profile has parts of. */
  private static final class Sections {
    final SandboxSpec spec;
    final ReaperConfig reaper;
    final CapacityConfig capacity;

    Sections(SettingsReader in) {
      spec = SpecSettings.read(in);
      reaper = new ReaperConfig(in);
      capacity = new CapacityConfig(in);
    }
  }
}
