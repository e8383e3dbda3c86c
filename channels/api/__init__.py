"""The project's own JSON interface (`/api/v1/chat`), and what every machine interface needs: `limits`, `once`."""
