/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.gateway.e2b.ConnectException.Code;
import io.zcbot.sandbox.gateway.files.FileInfo;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException;

/** How files and their errors look on E2B's wire. */
final class FileEntries {
  private static final String WORKSPACE = "/workspace";

  private FileEntries() {}

  static ObjectNode json(FileInfo info) {
    ObjectNode entry =
        Json.MAPPER
            .createObjectNode()
            .put("name", info.name())
            .put("path", info.path())
            .put("size", Long.toString(info.size()))
            .put("mode", info.mode())
            .put("permissions", info.permissions())
            .put("owner", info.owner())
            .put("group", info.group())
            .put("modifiedTime", info.modified().toString())
            .put(
                "type",
                switch (info.type()) {
                  case FILE -> "FILE_TYPE_FILE";
                  case DIRECTORY -> "FILE_TYPE_DIRECTORY";
                  case OTHER -> "FILE_TYPE_UNSPECIFIED";
                });
    if (info.symlinkTarget() != null) {
      entry.put("symlinkTarget", atHome(info.symlinkTarget()));
    }
    if (!info.metadata().isEmpty()) {
      ObjectNode metadata = entry.putObject("metadata");
      info.metadata().forEach(metadata::put);
    }
    return entry;
  }

  /** Returns a resolved path as clients know it: the home is a link to the workspace. */
  private static String atHome(String path) {
    return path.equals(WORKSPACE) || path.startsWith(WORKSPACE + "/")
        ? Processes.HOME + path.substring(WORKSPACE.length())
        : path;
  }

  /** Returns a failure as calls of the Connect protocol tell it. */
  static ConnectException rpc(SandboxFileSystemException e) {
    Code code =
        switch (e.kind()) {
          case NOT_FOUND -> Code.NOT_FOUND;
          case ALREADY_EXISTS -> Code.ALREADY_EXISTS;
          case INVALID_ARGUMENT, TOO_LARGE -> Code.INVALID_ARGUMENT;
          case PERMISSION -> Code.PERMISSION_DENIED;
          case NO_SPACE, INTERNAL -> Code.INTERNAL;
        };
    return new ConnectException(code, String.valueOf(e.getMessage()));
  }

  /** Returns a failure as {@code /files} tells it. */
  static E2bException rest(SandboxFileSystemException e) {
    int status =
        switch (e.kind()) {
          case NOT_FOUND -> 404;
          case ALREADY_EXISTS, INVALID_ARGUMENT, TOO_LARGE -> 400;
          case PERMISSION -> 403;
          case NO_SPACE -> 507;
          case INTERNAL -> 500;
        };
    return new E2bException(status, String.valueOf(e.getMessage()));
  }
}
