"""OpenVINO's models: constants in a `.bin` file, described by an `.xml` file beside it."""
