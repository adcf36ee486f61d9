/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.doctor.ImageChecks;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The command {@code image}: says what an image would be as a sandbox. */
@Command(name = "image", description = "Check images of sandboxes.")
final class ImageCommand {
  private final CommandContext context;

  ImageCommand(CommandContext context) {
    this.context = context;
  }

  @Command(
      description = {
        "Check what an image on this engine lacks as a sandbox, and what is dangerous in it.",
        "Its files are read by a container that is never started: nothing of the image runs. The"
            + " exit code is 1 if it can't be a sandbox."
      })
  int check(
      @Parameters(paramLabel = "IMAGE", description = "The image's name or digest.") String image,
      @Option(names = "--json", description = "Print one JSON object.") boolean json)
      throws CommandException {
    List<Finding> findings;
    try (DockerEngine engine = Cli.engine(context.config())) {
      findings = ImageChecks.of(image, engine.imageFacts(image));
    } catch (EngineException e) {
      throw Engines.failed(e);
    }
    return new FindingsReport(context, "be a sandbox").print(findings, json)
        ? ExitCode.OK
        : ExitCode.FAILED;
  }
}
