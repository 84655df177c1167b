from tigrest import Handler, Match


class Broken(Handler):
    match = Match(body="/echo (.*)")

    def on_message(self, service):
        return None
